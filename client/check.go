package client

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// leastTimeout: anything shorter is a bare number that was meant as seconds.
	leastTimeout = time.Millisecond
	// mostRateLimit bounds the memory of an exact limit, which remembers each
	// admission of a minute: 24 bytes.
	mostRateLimit = 10_000_000
	// mostPoolSize: one machine has no more ports for a server. New would dial for ever.
	mostPoolSize = 1 << 16
)

// fieldError is what is wrong with a field, without its value. LoadConfig
// knows where the field was written.
type fieldError struct {
	of, field string // such as Config, APIKey
	key       string // of a map
	text      string
}

func (e *fieldError) Error() string {
	name := e.of + "." + e.field
	if e.key != "" {
		name += fmt.Sprintf("[%q]", e.key)
	}
	return "client: " + name + " " + e.text
}

// check returns all that is wrong with a configuration, without its secrets.
func (c *Config) check() []error {
	all := []error{
		checkText("Config", "APIKey", c.APIKey),
		checkTimeout("Timeout", c.Timeout),
		checkTimeout("FirstTokenTimeout", c.FirstTokenTimeout),
		checkTimeout("IdleTimeout", c.IdleTimeout),
		checkLimit("MaxRetries", c.MaxRetries),
		checkLimit("RetryBudget", c.RetryBudget),
		checkMost("RateLimit", c.RateLimit, mostRateLimit),
		checkLimit("RequestsPerSecond", c.RequestsPerSecond),
		checkLimit("TokensPerMinute", c.TokensPerMinute),
		checkMost("PoolSize", c.PoolSize, mostPoolSize),
		checkLimit("MaxConcurrent", c.MaxConcurrent),
		checkText("Config", "UserAgent", c.UserAgent),
	}
	all = append(all, checkHeader("Config", c.Header)...)
	_, unwritable := c.encodedExtra()
	return slices.DeleteFunc(append(all, unwritable...), func(err error) bool { return err == nil })
}

func checkTimeout(name string, d time.Duration) error {
	if d > 0 && d < leastTimeout {
		return &fieldError{"Config", name, "", fmt.Sprintf("is %v: a bare number is nanoseconds; write 30*time.Second", d)}
	}
	return checkLimit(name, d)
}

// checkLimit finds what is below zero and not Off, and what is no number.
func checkLimit[T ~int | ~int64 | ~float64](name string, v T) error {
	if v >= 0 || v == Off {
		return nil
	}
	return &fieldError{"Config", name, "", fmt.Sprintf("is %v: write client.Off for no limit, or leave it at 0 for the default", v)}
}

func checkMost(name string, n, most int) error {
	if n > most {
		return &fieldError{"Config", name, "", fmt.Sprintf("is %d: write at most %d, or client.Off", n, most)}
	}
	return checkLimit(name, n)
}

// checkHeader goes by RFC 9110: names are tokens (section 5.6.2), values hold
// no control characters (section 5.5).
func checkHeader(of string, h http.Header) (all []error) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !inToken(r) }) {
			all = append(all, &fieldError{of, "Header", name, "has a name that no header can have"})
		} else if err := checkText(of, "Header", h[name]...); err != nil {
			err.(*fieldError).key = name
			all = append(all, err)
		}
	}
	return all
}

func inToken(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// checkText finds what would end a header's line.
func checkText(of, field string, values ...string) error {
	for _, v := range values {
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return &fieldError{of, field, "", "holds a line break or another control character: strings.TrimSpace takes off the one at the end of a file"}
		}
	}
	return nil
}

// encodedExtra returns ExtraBody as it is sent: what lies inside may be changed
// by the caller while requests are encoded.
func (c *Config) encodedExtra() (fields map[string]any, errs []error) {
	for _, name := range slices.Sorted(maps.Keys(c.ExtraBody)) {
		value, err := json.Marshal(c.ExtraBody[name])
		if err != nil {
			errs = append(errs, &fieldError{"Config", "ExtraBody", name, "cannot be written as JSON: " + err.Error()})
			continue
		}
		if fields == nil {
			fields = make(map[string]any, len(c.ExtraBody))
		}
		fields[name] = json.RawMessage(value)
	}
	return fields, errs
}
