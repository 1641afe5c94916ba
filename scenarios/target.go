package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/strictyaml"
)

const noFaults = "faults need the bundled mock as target: a real server cannot be told to fail"

func (r *resolver) target() Target {
	t := r.spec.Target
	out := Target{APIKey: t.APIKey, Headers: maps.Clone(t.Headers), Mock: t.Mock, Connections: t.Connections}
	if t.Endpoint != nil {
		out.Endpoint, out.More = r.endpoints(t.Endpoint)
		if !t.Mock.IsZero() {
			r.fail("target.endpoint", "target has both mock and endpoint: leave one")
		}
		if len(r.spec.Faults.Items()) > 0 {
			r.fail("faults", noFaults)
		}
	}
	if t.GPUs != nil {
		out.GPUs = *t.GPUs
		r.inRange("target.gpus", "gpus", out.GPUs, 1, 1_000_000)
	}
	r.checkHeaders(t)
	out.LabelHeaders = r.labelHeaders(t)
	out.Metrics = r.metrics(t)
	return out
}

// maxEndpoints bounds the addresses, each of which has a client with a pool of its own.
const maxEndpoints = 100

// metrics checks the addresses that the server's own metrics are read from.
func (r *resolver) metrics(t targetSpec) []string {
	if n := len(t.Metrics); n > maxEndpoints {
		r.fail("target.metrics", "%d addresses: at most %d", n, maxEndpoints)
		return nil
	}
	for i, address := range t.Metrics {
		at := fmt.Sprintf("target.metrics[%d]", i)
		if r.spec.node.Get(at).IsZero() {
			at = "target.metrics"
		}
		if err := CheckMetrics(address); err != nil {
			r.fail(at, "%v", err)
		}
		if slices.Contains(t.Metrics[:i], address) {
			r.fail(at, "metrics %q stands twice: its figures would count twice", redactQuery(redactUser(address)))
		}
	}
	return t.Metrics
}

// endpoints checks each address; that the first is given is known.
func (r *resolver) endpoints(list []string) (first string, more []string) {
	if len(list) == 0 || len(list) > maxEndpoints {
		r.fail("target.endpoint", "%d addresses: write 1 to %d", len(list), maxEndpoints)
		return "http://none", nil
	}
	for i, endpoint := range list {
		at := fmt.Sprintf("target.endpoint[%d]", i)
		if r.spec.node.Get(at).IsZero() {
			at = "target.endpoint"
		}
		if err := CheckEndpoint(endpoint); err != nil {
			r.fail(at, "%v", err)
		}
		if slices.Contains(list[:i], endpoint) {
			r.fail(at, "endpoint %q stands twice", redactQuery(redactUser(endpoint)))
		}
	}
	return list[0], list[1:]
}

// groupNames are what requests are grouped by on llmload's own account.
var groupNames = [...]string{"workload", "endpoint", "turn", "shard"}

// labelHeaders returns the names in the form that records have them, lower case.
func (r *resolver) labelHeaders(t targetSpec) (out []string) {
	const most = 10
	if len(t.LabelHeaders) > most {
		r.fail("target.label_headers", "%d label_headers: at most %d", len(t.LabelHeaders), most)
	}
	for i, name := range t.LabelHeaders {
		at := fmt.Sprintf("target.label_headers[%d]", i)
		lower := strings.ToLower(name)
		switch {
		case !fieldName.MatchString(name):
			r.fail(at, "header name %.60q must be letters, digits and dashes", name)
		case slices.Contains(groupNames[:], lower):
			r.fail(at, "%q is the name of rows that llmload has itself", name)
		case slices.Contains(out, lower):
			r.fail(at, "label header %.60q stands twice", name)
		}
		out = append(out, lower)
	}
	return out
}

// fieldName is a header's name (RFC 9110, section 5.6.2: token).
var fieldName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// checkHeaders finds what net/http would refuse only when the first request goes out. Values are never shown.
func (r *resolver) checkHeaders(t targetSpec) {
	if len(t.Headers) > maxEntries {
		r.fail("target.headers", "%d headers: at most %d", len(t.Headers), maxEntries)
		return
	}
	if hasControl(string(t.APIKey)) {
		r.fail("target.api_key", "api_key holds a line break or another control character")
	}
	for name, value := range t.Headers {
		at := "target.headers[" + name + "]"
		if !fieldName.MatchString(name) {
			r.fail(at, "header name %.60q must be letters, digits and dashes", name)
		}
		if hasControl(string(value)) {
			r.fail(at, "header %.60q holds a line break or another control character", name)
		}
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// CheckEndpoint says what is wrong with a server's address, if anything is. Its error shows no secret.
func CheckEndpoint(endpoint string) error {
	return checkAddress("endpoint", endpoint, "http://HOST:PORT or https://HOST/v1", "use api_key: ${NAME} or headers")
}

// CheckMetrics says what is wrong with the address of a Prometheus endpoint, if anything is. Its error shows no secret.
func CheckMetrics(address string) error {
	return checkAddress("metrics", address, "http://HOST:PORT/metrics", "which is not sent: let the endpoint be read without one")
}

// checkAddress checks an address; like is how one is written, instead what to do for a user and password.
func checkAddress(what, address, like, instead string) error {
	u, err := url.Parse(address)
	shown := redactQuery(redactUser(address))
	switch {
	case address == "":
		return fmt.Errorf("%s is empty: write %s", what, like)
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Errorf("%s %q is not an address: write %s", what, shown, like)
	case u.Port() != "" && !validPort(u.Port()):
		return fmt.Errorf("%s %q: port %s is outside 1 to 65535", what, shown, u.Port())
	case u.User != nil:
		return fmt.Errorf("%s %q holds a user or password: %s", what, shown, instead)
	}
	return nil
}

func validPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

const redacted = "[redacted]"

// userinfo is what stands between // and @, also in an address that does not parse.
func userinfo(endpoint string) string {
	_, rest, ok := strings.Cut(endpoint, "//")
	if !ok {
		rest = endpoint
	}
	authority, _, _ := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	return authority[:max(at, 0)]
}

func redactUser(endpoint string) string {
	if user := userinfo(endpoint); user != "" {
		return strings.Replace(endpoint, user+"@", redacted+"@", 1)
	}
	return endpoint
}

// redactQuery hides the query of an address, where some servers want their key.
func redactQuery(endpoint string) string {
	if before, query, _ := strings.Cut(endpoint, "?"); query != "" {
		return before + "?" + redacted
	}
	return endpoint
}

func redactQueries(addresses []string) (out []string) {
	for _, a := range addresses {
		out = append(out, redactQuery(a))
	}
	return out
}

// Secrets are the texts that no output may show, the longest first, as one may hold another: the key, the values of headers,
// and what addresses hold.
func (t *Target) Secrets() []string {
	out := append(longEnough(strictyaml.MinSecret, string(t.APIKey)), addressSecrets(slices.Concat(t.Endpoints(), t.Metrics))...)
	for _, value := range t.Headers {
		_, credential, _ := strings.Cut(string(value), " ") // "Bearer KEY"
		out = append(out, longEnough(strictyaml.MinValue, string(value), credential)...)
	}
	return longestFirst(out)
}

// addressSecrets are who logs in at addresses, their queries, and the values in those.
func addressSecrets(addresses []string) (out []string) {
	for _, address := range addresses {
		_, query, _ := strings.Cut(address, "?")
		out = append(out, longEnough(strictyaml.MinSecret, userinfo(address), query)...)
		fields, _ := url.ParseQuery(query) // what does not parse is hidden as a whole
		for _, values := range fields {
			out = append(out, longEnough(strictyaml.MinValue, values...)...)
		}
	}
	return longestFirst(out)
}

func longEnough(least int, texts ...string) (out []string) {
	for _, t := range texts {
		if len(t) >= least {
			out = append(out, t)
		}
	}
	return out
}

func longestFirst(texts []string) []string {
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	return texts
}

// hideEndpoint blots out what is secret in the address in the lines that errors quote; strictyaml knows other secrets by their keys.
func (s *Spec) hideEndpoint(err error) error {
	list, ok := errors.AsType[strictyaml.Errors](err)
	if !ok {
		return err
	}
	var blots []string
	for _, secret := range addressSecrets(slices.Concat(s.Target.Endpoint, s.Target.Metrics)) {
		blots = append(blots, secret, strings.Repeat("*", utf8.RuneCountInString(secret)))
	}
	blot := strings.NewReplacer(blots...)
	for _, e := range list {
		e.Source, e.Msg = blot.Replace(e.Source), blot.Replace(e.Msg)
	}
	return err
}
