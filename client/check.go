package client

import (
	"errors"
	"fmt"
	"maps"
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
)

// check returns all that is wrong with a configuration, without its secrets.
func (c *Config) check() error {
	return errors.Join(
		checkField("APIKey", c.APIKey),
		checkTimeout("Timeout", c.Timeout),
		checkTimeout("FirstTokenTimeout", c.FirstTokenTimeout),
		checkTimeout("IdleTimeout", c.IdleTimeout),
		checkLimit("MaxRetries", c.MaxRetries),
		checkLimit("RetryBudget", c.RetryBudget),
		checkRateLimit(c.RateLimit),
		checkLimit("RequestsPerSecond", c.RequestsPerSecond),
		checkLimit("TokensPerMinute", c.TokensPerMinute),
		checkLimit("PoolSize", c.PoolSize),
		checkLimit("MaxConcurrent", c.MaxConcurrent),
		c.checkHeader(),
		checkField("UserAgent", c.UserAgent),
	)
}

func checkTimeout(name string, d time.Duration) error {
	if d > 0 && d < leastTimeout {
		return fmt.Errorf("client: Config.%s is %v: a bare number is nanoseconds; write 30*time.Second", name, d)
	}
	return checkLimit(name, d)
}

// checkLimit finds what is below zero and not Off, and what is no number.
func checkLimit[T ~int | ~int64 | ~float64](name string, v T) error {
	if v >= 0 || v == Off {
		return nil
	}
	return fmt.Errorf("client: Config.%s is %v: write client.Off for no limit, or leave it at 0 for the default", name, v)
}

func checkRateLimit(n int) error {
	if n > mostRateLimit {
		return fmt.Errorf("client: Config.RateLimit is %d, more than is worth an exact limit: write client.Off", n)
	}
	return checkLimit("RateLimit", n)
}

func (c *Config) checkHeader() error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
			all = append(all, fmt.Errorf("client: Config.Header has the name %q, which no header can have", name))
		}
		all = append(all, checkField(fmt.Sprintf("Header[%q]", name), c.Header[name]...))
	}
	return errors.Join(all...)
}

// checkField finds what would end a header's line. Values are not shown.
func checkField(name string, values ...string) error {
	for _, v := range values {
		if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("client: Config.%s holds a line break or another control character: strings.TrimSpace takes off the one at the end of a file", name)
		}
	}
	return nil
}
