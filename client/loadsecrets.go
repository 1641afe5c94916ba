package client

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

// secretValue finds the value behind a key that says what it is.
var secretValue = regexp.MustCompile(`(?i)((?:key|token|secret|password|authorization|cookie)s?["']?\s*:\s*)("[^"]*"?|'[^']*'?|[^,}\n]+)`)

// withoutSecrets takes out of messages what they quote of the file: a literal
// key may stand in the line where the mistake is.
func withoutSecrets(err error, block strictyaml.Node) error {
	found, _ := strictyaml.Join(err).(strictyaml.Errors)
	quotable := quotableLines(block)
	out := make(strictyaml.Errors, len(found))
	for i, e := range found {
		clean := *e
		clean.Source = query.ReplaceAllString(withoutUser(e.Source), "?"+redacted)
		if !quotable[e.Line] && e.Source != "" {
			clean.Source = redacted
		}
		if value := secretValue.FindStringSubmatch(e.Source); value != nil {
			clean.Msg = strings.ReplaceAll(e.Msg, value[2], redacted)
		}
		clean.Msg = withoutUser(clean.Msg)
		out[i] = &clean
	}
	return out
}

// quotableLines returns the lines of a block that hold fields without secrets,
// and nothing else. Of a file that could not be parsed, no line is known.
func quotableLines(block strictyaml.Node) map[int]bool {
	lines := map[int]bool{}
	var others []int
	for _, key := range block.Keys() {
		line := block.Errorf("["+key+"]", "").Line
		if known(key) && !slices.Contains([]string{"cloud_api_key", "headers", "extra_body"}, key) {
			lines[line] = true
		} else {
			others = append(others, line)
		}
	}
	for _, line := range others {
		delete(lines, line)
	}
	return lines
}

func known(key string) bool {
	for field := range reflect.TypeFor[fileBlock]().Fields() {
		if field.Tag.Get("yaml") == key {
			return true
		}
	}
	return false
}
