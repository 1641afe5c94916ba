package runner

import (
	"strings"

	"github.com/llmload/llmload/scenarios"
)

// Redactor takes a plan's secrets out of text that a server had a hand in: error messages echo keys and headers, and
// addresses carry keys in their query.
func Redactor(p *scenarios.Plan) *strings.Replacer {
	var pairs []string
	for _, secret := range p.Target.Secrets() {
		pairs = append(pairs, secret, "[redacted]")
	}
	return strings.NewReplacer(pairs...)
}
