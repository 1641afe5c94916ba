package runner

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/llmload/llmload/scenarios"
)

// shortestSecret is the length from which a header's value is taken for a secret. Shorter ones hide nothing and turn up
// inside ordinary words.
const shortestSecret = 8

// Redactor takes a plan's secrets out of text that a server had a hand in: error messages echo keys and headers, and
// addresses carry keys in their query.
func Redactor(p *scenarios.Plan) *strings.Replacer {
	var secrets []string
	add := func(secret string) {
		if len(secret) >= shortestSecret {
			secrets = append(secrets, secret)
		}
	}
	add(string(p.Target.APIKey))
	for _, value := range p.Target.Headers {
		add(string(value))
		_, credential, _ := strings.Cut(string(value), " ") // "Bearer KEY"
		add(credential)
	}
	for _, endpoint := range slices.Concat(p.Target.Endpoints(), p.Target.Metrics) {
		_, query, _ := strings.Cut(endpoint, "?")
		add(query)
		values, _ := url.ParseQuery(query) // what does not parse is hidden as a whole
		for _, list := range values {
			for _, value := range list {
				add(value)
			}
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) }) // one may hold another
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, "[redacted]")
	}
	return strings.NewReplacer(pairs...)
}
