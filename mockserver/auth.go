package mockserver

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
)

// A Secret is a value that no output shows: not as text, not as JSON or YAML.
type Secret string

const redacted = "[redacted]"

// String hides the value; write string(s) to use it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s Secret) check(bad func(where, format string, args ...any)) {
	if strings.ContainsFunc(string(s), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		bad("api_key", "holds a line break or another control character")
	}
}

// authorize refuses a request without the config's key.
func (c *Config) authorize(r *http.Request) *apiError {
	if c.APIKey == "" {
		return nil
	}
	key := apiKey(r)
	// Of equal length, whatever came, so that the time taken tells nothing.
	got, want := sha256.Sum256([]byte(key)), sha256.Sum256([]byte(c.APIKey))
	if subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return nil
	}
	msg := "Incorrect API key provided."
	if key == "" {
		msg = "You didn't provide an API key: send it as Authorization: Bearer KEY."
	}
	return &apiError{http.StatusUnauthorized, msg, "invalid_request_error", "", "invalid_api_key"}
}

// apiKey is the bearer token of a request, empty for none. The scheme is of any
// case (RFC 9110, section 11.1) and there may be blanks around the token.
func apiKey(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// keyed asks for the key before an endpoint that is no attempt of its own.
func (s *Server) keyed(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if cfg := s.cfg.Load(); cfg.authorize(r) != nil {
			writeErrorIn(w, cfg.Dialect, *cfg.authorize(r))
			return
		}
		h(w, r)
	}
}
