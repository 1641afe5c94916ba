package jsonsample

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/words"
)

const maxSampledText = 10_000 // characters of one string

// text makes a string of a few words, or of the form that is asked for.
func (g *sampler) text(s map[string]any) (string, error) {
	least, most := whole(s, "minLength", 0), whole(s, "maxLength", maxSampledText)
	if least > most || least > maxSampledText {
		return "", fmt.Errorf("no string has from %d to %d characters", least, min(most, maxSampledText))
	}
	text, by, err := g.formed(s)
	if err != nil {
		return "", err
	}
	if by != "" {
		if n := utf8.RuneCountInString(text); n < least || n > most {
			return "", fmt.Errorf("this server does not support %q with minLength and maxLength", by)
		}
		return text, nil
	}
	text = words.Text(g.dice, 1+g.dice.IntN(3))
	for len(text) < least {
		text += " " + words.Text(g.dice, 1)
	}
	text = text[:min(len(text), most)]
	if cut := strings.TrimRight(text, " "); len(cut) >= least {
		text = cut
	}
	return text, nil
}

// formed makes a string of the format and by the pattern that is asked for, and
// says by which; neither is "".
func (g *sampler) formed(s map[string]any) (text, by string, err error) {
	format, _ := s["format"].(string)
	pattern, ok := s["pattern"].(string)
	switch text = formatted(format); {
	case !ok && text == "":
		return "", "", nil
	case !ok:
		return text, "format", nil
	case text == "":
		text, err = g.matching(pattern)
		return text, "pattern", err
	}
	if fits, err := regexp.MatchString(pattern, text); err != nil || !fits {
		return "", "", fmt.Errorf("this server does not support the format %q with the pattern %q", format, pattern)
	}
	return text, "format", nil
}

// formatted is a string of each format that OpenAI's strict schemas take; empty
// for another, where any string will do.
func formatted(format string) string {
	switch format {
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "03:04:05Z"
	case "duration":
		return "PT1H30M"
	case "email":
		return "someone@example.com"
	case "hostname":
		return "host.example.com"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	case "uuid":
		return "123e4567-e89b-42d3-a456-426614174000"
	case "uri":
		return "https://example.com/"
	}
	return ""
}
