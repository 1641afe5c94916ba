package scenarios

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/strictyaml"
)

const noFaults = "faults need the bundled mock as target: a real server cannot be told to fail"

func (r *resolver) target() Target {
	t := r.spec.Target
	out := Target{APIKey: t.APIKey, Headers: maps.Clone(t.Headers), Mock: t.Mock}
	if t.Endpoint != nil {
		out.Endpoint = *t.Endpoint
		if err := CheckEndpoint(out.Endpoint); err != nil {
			r.fail("target.endpoint", "%v", err)
		}
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
	u, err := url.Parse(endpoint)
	shown := redactQuery(redactUser(endpoint))
	switch {
	case endpoint == "":
		return errors.New("endpoint is empty: write http://HOST:PORT or https://HOST/v1")
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Errorf("endpoint %q is not an address: write http://HOST:PORT or https://HOST/v1", shown)
	case u.Port() != "" && !validPort(u.Port()):
		return fmt.Errorf("endpoint %q: port %s is outside 1 to 65535", shown, u.Port())
	case u.User != nil:
		return fmt.Errorf("endpoint %q holds a user or password: use api_key: ${NAME} or headers", shown)
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

// hideEndpoint blots out what is secret in the address in the lines that errors quote; strictyaml knows other secrets by their keys.
func (s *Spec) hideEndpoint(err error) error {
	e := s.Target.Endpoint
	list, ok := errors.AsType[strictyaml.Errors](err)
	if e == nil || !ok {
		return err
	}
	_, query, _ := strings.Cut(*e, "?")
	var blots []string
	for _, secret := range []string{userinfo(*e), query} {
		if len(secret) >= 4 { // shorter ones turn up inside ordinary words
			blots = append(blots, secret, strings.Repeat("*", utf8.RuneCountInString(secret)))
		}
	}
	blot := strings.NewReplacer(blots...)
	for _, e := range list {
		e.Source, e.Msg = blot.Replace(e.Source), blot.Replace(e.Msg)
	}
	return err
}
