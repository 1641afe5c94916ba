package strictyaml

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// What follows is secret by the name of its key, as in every file of this program: what messages quote of it is blotted out,
// and Redacted leaves it out.
var (
	secretName = regexp.MustCompile(`(?i)(?:key|secret|password|passwd|authorization|cookie|credential|bearer|token)s?$`)
	// notSecret are the tokens that a model makes: counted, placed or named, none of them opens a door.
	notSecret = regexp.MustCompile(`(?i)tokens$|(?:per|at|first|last|next|bos|eos|pad|stop|end)[-_]?token$`)
	// secretText finds such a key in text that is not parsed, up to its value.
	secretText = regexp.MustCompile(`(?i)(?:(?:key|secret|password|passwd|authorization|cookie|credential|bearer)s?|[\w-]*token|headers|extra_body)["']?\s*[:=]|api[-_]?keys?["']?\s`)
	// otherKey begins a line that goes on with another key.
	otherKey = regexp.MustCompile(`^[\s{,-]*["']?[\w.${}\[\]-]+["']?\s*:(?:\s|$)`)
	// address finds in unparsed text who logs in at one, and its query.
	address = regexp.MustCompile(`[^\s'"]*@|\?[^\s'"]+`)
	// variable is a reference, which shows nothing; behind another $ it is no reference.
	variable = regexp.MustCompile(`\$?\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
)

const redacted = "[redacted]"

func isSecret(key string) bool {
	return secretName.MatchString(key) && !notSecret.MatchString(key) || Nearest(key, []string{"api_key"}) != ""
}

// secrets blots out values. A blot is as long as what it hides, so that carets stay in place.
type secrets struct {
	lines [][]rune
	words map[string]string // what messages and lines must not show, and its blot
	seen  map[*yaml.Node]bool
}

// hideUnparsed blots out what may be secret in a file that is not parsed yet, or cannot be: all that follows a key to the end
// of its line, and the lines below that have no key of their own.
func (d *document) hideUnparsed() {
	s := secrets{words: map[string]string{}}
	inside, headers := false, 0
	for i, line := range d.lines {
		from := len(line)
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		goesOn := inside && (indent > headers || !otherKey.MatchString(line))
		if at := secretText.FindStringIndex(line); goesOn {
			from = indent
		} else if inside = at != nil; inside {
			from, headers = at[1], indent
		}
		s.word(line[from:], MinSecret)
		d.lines[i] = address.ReplaceAllStringFunc(line[:from], blot) + blot(line[from:])
	}
	for _, text := range slices.Collect(maps.Keys(s.words)) {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' }) {
			s.word(word, MinSecret)
		}
	}
	d.hide = replacer(s.words)
}

// hideSecrets does so exactly, in a file that is parsed.
func (d *document) hideSecrets(lines []string, root *yaml.Node) {
	s := secrets{words: map[string]string{}, seen: map[*yaml.Node]bool{}}
	for _, line := range lines {
		s.lines = append(s.lines, []rune(line))
	}
	s.walk(root, 0)
	// Quoted or not, a blot has as many runes as what it hides.
	shown := replacer(s.words)
	for i, line := range s.lines {
		d.lines[i] = shown.Replace(string(line))
	}
	d.secrets, d.hide = s.words, shown
}

// walk hides the scalars below n where least is not 0; shorter ones are hidden in their place alone, for they turn up inside
// ordinary words.
func (s *secrets) walk(n *yaml.Node, least int) {
	if s.seen[n] && least == 0 {
		return
	}
	switch {
	case n.Kind == yaml.AliasNode && least > 0 && !s.seen[n]:
		s.seen[n] = true
		s.walk(n.Alias, least)
	case n.Kind == yaml.ScalarNode && least == leastBody && len(n.Value) < leastBody: // a number, a switch, a word
	case n.Kind == yaml.ScalarNode && (least > 0 || secretText.MatchString(n.Value)):
		s.hide(n, max(least, MinSecret))
	case n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode:
		s.seen[n] = true
		for i, child := range n.Content {
			below := least
			switch {
			case n.Kind == yaml.SequenceNode:
			case i%2 == 1:
				below = max(least, leastBelow(n.Content[i-1], child))
			case least == MinValue || least == leastBody:
				below = 0 // the names of headers and fields are shown
			}
			s.walk(child, below)
		}
	}
}

// leastBody is the length from which a field of a request's extra body is hidden at all, for most are settings.
const leastBody = 9

func leastBelow(key, value *yaml.Node) int {
	switch {
	case key.Kind == yaml.ScalarNode && isSecret(key.Value):
		return MinSecret
	case key.Value == "headers" && resolve(value).Kind == yaml.MappingNode:
		return MinValue
	case key.Value == "extra_body" && resolve(value).Kind == yaml.MappingNode:
		return leastBody
	}
	return 0
}

func (s *secrets) hide(n *yaml.Node, least int) {
	placed := s.blotPlace(n)
	for _, text := range append(variable.Split(n.Value, -1), strings.TrimPrefix(n.Tag, "!!"), n.Anchor) {
		s.word(text, least)
		if !placed { // it stands in pieces
			for _, piece := range strings.Fields(text) {
				s.word(piece, MinSecret)
			}
		}
	}
}

// standardTags are no secrets, nor what stands for nothing.
var standardTags = []string{"str", "int", "float", "bool", "null", "timestamp", "map", "seq", "merge", "binary"}

func (s *secrets) word(text string, least int) {
	if text = strings.TrimSpace(text); len(text) >= least && !slices.Contains(standardTags, text) {
		s.words[text] = blot(text)
	}
}

// blotPlace blots out a scalar where it is written, and says whether it found all of it there.
func (s *secrets) blotPlace(n *yaml.Node) bool {
	line, col := n.Line-1, n.Column-1
	if line < 0 || line >= len(s.lines) || col > len(s.lines[line]) {
		return false
	}
	rest := s.lines[line][max(col, 0):]
	end, plain := len(rest), []rune(n.Value)
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		end = closingQuote(rest)
	case len(plain) <= len(rest) && string(rest[:len(plain)]) == n.Value:
		end = len(plain)
	}
	copy(rest, []rune(blot(string(rest[:end]))))
	return end < len(rest) || end == len(plain)
}

// closingQuote is where a quoted scalar ends, in a line that begins with it or what is set before it.
func closingQuote(line []rune) int {
	open := slices.IndexFunc(line, func(r rune) bool { return r == '"' || r == '\'' })
	if open < 0 {
		return len(line)
	}
	for i := open + 1; i < len(line); i++ {
		switch {
		case line[i] == '\\' && line[open] == '"', line[i] == '\'' && line[open] == '\'' && i+1 < len(line) && line[i+1] == '\'':
			i++
		case line[i] == line[open]:
			return i + 1
		}
	}
	return len(line)
}

// blot hides a text but for its blanks, its quotes and the variables that it names.
func blot(text string) string {
	var out strings.Builder
	for text != "" {
		at := variable.FindStringIndex(text)
		if at == nil {
			at = []int{len(text), len(text)}
		}
		if ref := text[at[0]:at[1]]; strings.HasPrefix(ref, "$$") {
			at[0] = at[1]
		}
		for _, r := range text[:at[0]] {
			if !unicode.IsSpace(r) && r != '"' && r != '\'' {
				r = '*'
			}
			out.WriteRune(r)
		}
		out.WriteString(text[at[0]:at[1]])
		text = text[at[1]:]
	}
	return out.String()
}
