package jsonsample

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// matching makes a string that a pattern matches. Patterns are those of Go, as
// far as they are JSON Schema's too: no look-around, no back-references.
func (g *sampler) matching(pattern string) (string, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", fmt.Errorf("this server does not support the pattern %q: %w", pattern, err)
	}
	var sb strings.Builder
	g.match(&sb, tree.Simplify())
	if ok, err := regexp.MatchString(pattern, sb.String()); err != nil || !ok {
		return "", fmt.Errorf("this server does not support the pattern %q", pattern)
	}
	return sb.String(), nil
}

// match appends a text for a part of a pattern. What it gets wrong, such as a
// word boundary, its caller finds out.
func (g *sampler) match(sb *strings.Builder, re *syntax.Regexp) {
	if sb.Len() > maxSampledText {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		sb.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		if n := len(re.Rune) / 2; n > 0 {
			i := 2 * g.dice.IntN(n)
			sb.WriteRune(re.Rune[i] + g.dice.Int32N(min(re.Rune[i+1]-re.Rune[i], 25)+1))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		sb.WriteRune('a' + g.dice.Int32N(26))
	case syntax.OpCapture, syntax.OpConcat, syntax.OpPlus:
		for _, sub := range re.Sub {
			g.match(sb, sub)
		}
	case syntax.OpAlternate:
		g.match(sb, re.Sub[g.dice.IntN(len(re.Sub))])
	case syntax.OpStar, syntax.OpQuest:
		if g.dice.IntN(2) == 0 {
			g.match(sb, re.Sub[0])
		}
	}
}
