package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Health is the state of a client and of its server at one moment. With HTTP/2,
// where requests share connections, Available are those beyond the number of
// requests under way.
type Health struct {
	Healthy bool          // the server answered the probe
	Err     error         // why not
	Latency time.Duration // of the probe

	PoolSize  int // Config.PoolSize; 0 where it is off
	Open      int // connections
	Available int // of those, idle
	InUse     int // of those, carrying a request
	Dialling  int // being opened
	Waiting   int // attempts in line for a connection
	// DialErr is why the latest connection that was opened was not; nil if it was.
	DialErr error

	Metrics Metrics
}

// HealthCheck asks the server for its models and tells how that went, and how
// the connections are. The probe is one attempt bounded by the context and by
// Config.Timeout. It is sent at once: limits of rate and concurrency do not hold
// it, and it does not count for them. It needs a connection of the pool, though.
func (c *Client) HealthCheck(ctx context.Context) Health {
	var h Health
	begun := time.Now()
	h.Err = c.probe(ctx)
	h.Healthy, h.Latency = h.Err == nil, time.Since(begun)
	now := c.wire.carrier.counts()
	h.PoolSize, h.Open, h.Available, h.InUse = c.cfg.PoolSize, now.open, now.idle, now.open-now.idle
	h.Dialling, h.Waiting, h.DialErr = now.dialling, now.waiting, now.failure
	h.Metrics = c.Metrics()
	return h
}

func (c *Client) probe(ctx context.Context) error {
	cl := c.modelsCall()
	if err := c.enter(&c.census.calls, cl); err != nil {
		return err
	}
	defer c.census.leave(&c.census.calls)
	ctx, end := c.bind(ctx)
	defer end()
	var answer capture
	f := c.open(ctx, cl, 1, &answer)
	for f.body != nil && f.read() {
	}
	f.close()
	f.judge(ctx)
	if f.a.Err != nil {
		return f.a.Err
	}
	_, err := parseModels(answer.buf)
	if err != nil {
		return f.located(err)
	}
	return nil
}

// modelsCall asks for the server's models.
func (c *Client) modelsCall() *call {
	to := c.wire.site.target("/models")
	header := c.headerFor(Request{})
	return &call{
		method: http.MethodGet, url: &to.url, label: to.label, secrets: c.wire.secrets,
		header: header, host: hostOf(header, &to.url),
	}
}

// Warm opens all connections of the pool that are not open, in parallel, and
// waits for them. It returns why one could not be opened. Without a pool, and
// with HTTP/2, it does nothing.
func (c *Client) Warm(ctx context.Context) error {
	if err := c.wire.carrier.warm(ctx); err != nil {
		return c.warmError(ctx, err)
	}
	return nil
}

func (c *Client) warmError(ctx context.Context, err error) error {
	label := c.wire.site.label
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, where{endpoint: label}, phaseConnect)
	case errors.Is(err, ErrClosed):
		return &stopError{where{endpoint: label}, ErrClosed}
	}
	f := flight{cfg: c.cfg, call: &call{label: label, secrets: c.wire.secrets}}
	return f.connectionError(err)
}
