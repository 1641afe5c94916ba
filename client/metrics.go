package client

import (
	"context"
	"maps"
	"sync"
	"time"
)

// lastLatencies is how many samples the means of times are of: memory is
// bounded however long a client lives.
const lastLatencies = 1000

// Metrics is what became of a client's calls. A call counts when its outcome is
// known: of Send when it is decoded, of a Stream when it ends or is closed.
// Models and HealthCheck do not count, nor does the question for the server's
// first model; a call that gets no answer to it counts, with no attempt.
type Metrics struct {
	Requests int64 // calls
	Attempts int64
	Retries  int64 // attempts beyond each call's first
	// SuccessRate is the share of calls that succeeded, from 0 to 1; cancelled
	// ones are left out. 0 where there is none.
	SuccessRate float64
	// MeanLatency is of the last 1000 that succeeded: the last attempt, from its
	// start to the end of its answer. Waits and earlier attempts are not in it.
	MeanLatency time.Duration
	// MeanTTFT is the time to first token of the last 1000 streams that
	// succeeded, from the start of their last attempt.
	MeanTTFT time.Duration
	// MeanTokens is a successful call's input and output, where the server counted.
	MeanTokens float64
	// Outcomes says how many calls ended how: ok, cancelled, rate_limited,
	// http_4xx, http_5xx, timeout_ and the TimeoutError's phase, refused, reset,
	// tls, dns, connection, stream_error, truncated, malformed, content_type, too_large.
	Outcomes map[string]int64
}

// metrics gathers what Metrics tells.
type metrics struct {
	mu       sync.Mutex
	requests int64
	attempts int64
	retries  int64
	outcomes map[string]int64
	tokens   int64 // of counted calls
	counted  int64
	latency  recent
	first    recent
}

func newMetrics() *metrics { return &metrics{outcomes: map[string]int64{}} }

// recent is the sum over the last values.
type recent struct {
	values [lastLatencies]time.Duration
	n      int // values seen
	sum    time.Duration
}

func (r *recent) add(v time.Duration) {
	place := &r.values[r.n%lastLatencies]
	r.sum += v - *place
	*place = v
	r.n++
}

func (r *recent) mean() time.Duration {
	if r.n == 0 {
		return 0
	}
	return r.sum / time.Duration(min(r.n, lastLatencies))
}

// observe takes the outcome of a call in: its last attempt, nil if there was
// none, and what the server counted, nil if nothing.
func (m *metrics) observe(attempts int, last *Attempt, usage *Usage, err error) {
	name := outcome(err)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	m.attempts += int64(attempts)
	m.retries += int64(max(0, attempts-1))
	m.outcomes[name]++
	if name != outcomeOK || last == nil {
		return
	}
	m.latency.add(last.Done.Sub(last.Started))
	if !last.FirstToken.IsZero() {
		m.first.add(last.FirstToken.Sub(last.Started))
	}
	if usage != nil {
		m.tokens += int64(usage.InputTokens + usage.OutputTokens)
		m.counted++
	}
}

// Metrics returns the state at this moment.
func (c *Client) Metrics() Metrics {
	m := c.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Metrics{
		Requests: m.requests, Attempts: m.attempts, Retries: m.retries,
		MeanLatency: m.latency.mean(), MeanTTFT: m.first.mean(), Outcomes: maps.Clone(m.outcomes),
	}
	if n := m.requests - m.outcomes[outcomeCancelled]; n > 0 {
		out.SuccessRate = float64(m.outcomes[outcomeOK]) / float64(n)
	}
	if m.counted > 0 {
		out.MeanTokens = float64(m.tokens) / float64(m.counted)
	}
	return out
}

// unsent notes a call that got no model to be sent to. A request that is wrong
// in itself never was a call.
func (c *Client) unsent(err error) {
	if _, lacksModel := err.(*modelError); lacksModel {
		c.metrics.observe(0, nil, nil, err)
	}
}

// account notes a call once it is decoded.
func (x *Exchange) account() {
	if x.client == nil { // see unsent
		return
	}
	var last *Attempt
	if n := len(x.Attempts); n > 0 {
		last = &x.Attempts[n-1]
	}
	var usage *Usage
	if x.resp.UsageKnown {
		usage = &x.resp.Usage
		x.client.gate.settle(x.call, *usage)
	}
	x.client.metrics.observe(len(x.Attempts), last, usage, x.outcome)
}

// account notes a stream once it has ended. One that its reader closed early is
// cancelled, whatever had come.
func (s *Stream) account() {
	if s.usage != nil {
		s.client.gate.settle(s.call, *s.usage)
	}
	err := s.err
	switch {
	case err == nil && s.attempts == 0: // nobody ever read it
		return
	case err == nil && s.flight != nil:
		err = context.Canceled
	}
	s.client.metrics.observe(s.attempts, &s.attempt, s.usage, err)
}
