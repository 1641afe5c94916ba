package mockserver

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// A RateLimit bounds what one API key may ask for. Each limit is a bucket that
// holds one minute's worth, full at first, and refills evenly: what OpenAI's
// headers describe (limit is what may be asked at once, reset the time until it
// is full again). So N a minute admits N at once and up to 2N in the first
// minute, and N a minute from then on.
type RateLimit struct {
	RPM     int   `yaml:"rpm"`     // requests a minute; 0: no limit
	TPM     int   `yaml:"tpm"`     // tokens a minute, prompt and max_tokens together; 0: no limit
	Headers *bool `yaml:"headers"` // x-ratelimit headers on every answer; nil: true
	// CountRefused has a refused request take one from the bucket of requests too,
	// as OpenAI's "unsuccessful requests contribute to your per-minute limit": who
	// does not wait is never let in. The bucket falls to a minute's debt at most.
	CountRefused bool `yaml:"count_refused"`
}

func (l RateLimit) withDefaults() RateLimit {
	if l.Headers == nil {
		yes := true
		l.Headers = &yes
	}
	return l
}

func (l RateLimit) check(bad complaint) {
	if l.RPM < 0 {
		bad("rate_limit.rpm", "must not be negative; 0 is no limit")
	}
	if l.TPM < 0 {
		bad("rate_limit.tpm", "must not be negative; 0 is no limit")
	}
}

// maxBuckets bounds the keys that are told apart; beyond it the key that asked
// longest ago has full buckets again.
const maxBuckets = 10_000

// A limiter holds the buckets of each API key. Where the config in force says
// other limits than before, a key's next request finds new ones, full.
type limiter struct {
	mu   sync.Mutex
	keys *simplelru.LRU[uint64, *buckets]
}

type buckets struct {
	limit            RateLimit // whose sizes they have
	requests, tokens *rate.Limiter
}

func newLimiter() *limiter {
	keys, _ := simplelru.NewLRU[uint64, *buckets](maxBuckets, nil) // fails only for a size below 1
	return &limiter{keys: keys}
}

// forget fills all buckets.
func (l *limiter) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keys.Purge()
}

func newBucket(perMinute int) *rate.Limiter {
	if perMinute == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perMinute)/60, perMinute)
}

func (l *limiter) of(key string, limit RateLimit) *buckets {
	hash := hashString(key)
	b, _ := l.keys.Get(hash)
	if b == nil || b.limit.RPM != limit.RPM || b.limit.TPM != limit.TPM {
		b = &buckets{limit, newBucket(limit.RPM), newBucket(limit.TPM)}
		l.keys.Add(hash, b)
	}
	return b
}

// admit takes one request and its tokens from a key's buckets, or nothing and
// says why not. The answer's headers are set either way.
func (l *limiter) admit(h http.Header, key string, limit RateLimit, tokens int, now time.Time) *apiError {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(key, limit)
	if *limit.Headers {
		defer b.describe(h, now)
	}
	if limit.TPM > 0 && tokens > limit.TPM {
		if limit.CountRefused {
			b.countRefused(now)
		}
		h.Set("X-Should-Retry", "false")
		return limited("tokens", "Request too large on tokens per min (TPM): Limit %d, Requested %d. "+
			"The input or output tokens must be reduced in order to run successfully.", limit.TPM, tokens)
	}
	one, many := b.requests.ReserveN(now, 1), b.tokens.ReserveN(now, tokens)
	forOne, forMany := one.DelayFrom(now), many.DelayFrom(now)
	if forOne == 0 && forMany == 0 {
		return nil
	}
	one.CancelAt(now)
	many.CancelAt(now)
	if limit.CountRefused {
		forOne = b.countRefused(now)
	}
	wait := max(forOne, forMany)
	retryAfter(h, wait)
	if forMany > forOne {
		return limited("tokens", "Rate limit reached on tokens per min (TPM): Limit %d, Requested %d. Please try again in %s.",
			limit.TPM, tokens, upToMS(wait))
	}
	return limited("requests", "Rate limit reached on requests per min (RPM): Limit %d, Requested 1. Please try again in %s.",
		limit.RPM, upToMS(wait))
}

// countRefused takes one request, into debt where there is none, and returns
// when the next has room.
func (b *buckets) countRefused(now time.Time) time.Duration {
	one := b.requests.ReserveN(now, 1)
	if one.DelayFrom(now) > time.Minute {
		one.CancelAt(now)
	}
	next := b.requests.ReserveN(now, 1)
	defer next.CancelAt(now)
	return next.DelayFrom(now)
}

func limited(typ, format string, args ...any) *apiError {
	return &apiError{http.StatusTooManyRequests, fmt.Sprintf(format, args...), typ, "", "rate_limit_exceeded"}
}

func (b *buckets) describe(h http.Header, now time.Time) {
	describe(h, "requests", b.requests, now)
	describe(h, "tokens", b.tokens, now)
}

// describe sets a bucket's headers as OpenAI writes them.
func describe(h http.Header, what string, b *rate.Limiter, now time.Time) {
	if b.Limit() == rate.Inf {
		return
	}
	left := b.TokensAt(now)
	full := time.Duration((float64(b.Burst()) - left) / float64(b.Limit()) * float64(time.Second))
	h.Set("X-Ratelimit-Limit-"+what, strconv.Itoa(b.Burst()))
	h.Set("X-Ratelimit-Remaining-"+what, strconv.Itoa(max(int(left), 0)))
	h.Set("X-Ratelimit-Reset-"+what, upToMS(full).String())
}

// upToMS rounds up: whoever waits that long has waited long enough.
func upToMS(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// admit asks the limiter for a planned request: its prompt and max_tokens, or
// what it will get where it names no limit.
func (x *exchange) admit(r *http.Request, req *request) *apiError {
	limit := x.cfg.RateLimit
	if limit.RPM == 0 && limit.TPM == 0 {
		return nil
	}
	tokens := x.usage.prompt
	switch most := req.limit(); {
	case x.api == apiEmbeddings:
	case most != nil:
		tokens += *most * len(x.choices)
	default:
		tokens += x.planned
	}
	return x.s.limits.admit(x.w.Header(), apiKey(r), limit, tokens, x.s.clock.wall())
}
