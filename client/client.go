package client

import (
	"context"
	"fmt"
	"net/http"
	"sync"
)

// Client sends requests to one endpoint. It is safe for concurrent use; make
// it with New.
type Client struct {
	// Both behind pointers, so that no print of a Client's fields shows a key.
	cfg  *Config
	wire *wire

	gate  *gate
	slots chan struct{} // nil where concurrency is not limited
	pool  sync.Pool     // of *capture

	life  context.Context // ended by Close
	end   context.CancelCauseFunc
	mu    sync.Mutex // keeps calls.Add away from calls.Wait
	calls sync.WaitGroup
}

// wire is what the client knows of the connection's other side.
type wire struct {
	site      site
	header    http.Header
	transport *http.Transport
	key       string
}

// New returns a client of the server at endpoint, such as
// http://localhost:8000 or https://host/v1. The context bounds New alone, not
// the client's life. For now New opens no connection.
func New(ctx context.Context, endpoint string, cfg Config) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	site, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, err
	}
	cfg = cfg.resolved()
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	c := &Client{
		cfg:  &cfg,
		wire: &wire{site: site, header: baseHeader(&cfg), transport: newTransport(&cfg), key: cfg.APIKey},
		gate: newGate(cfg.RateLimit, cfg.RequestsPerSecond),
		life: life, end: end,
	}
	if cfg.MaxConcurrent > 0 {
		c.slots = make(chan struct{}, cfg.MaxConcurrent)
	}
	c.pool.New = func() any { return new(capture) }
	return c, nil
}

// String names the endpoint.
func (c *Client) String() string { return "client.Client{" + c.wire.site.label + "}" }

// GoString is String: %#v must not show the key.
func (c *Client) GoString() string { return c.String() }

// Send performs one request with its retries and returns what came, never nil.
// It reads and stamps; the answer is decoded by Exchange.Decode.
func (c *Client) Send(ctx context.Context, r Request) *Exchange {
	return c.SendPrepared(ctx, c.Prepare(r))
}

// Chat sends a request (of any API) and decodes the answer. With an error the
// Response holds what came before it, and is never nil.
func (c *Client) Chat(ctx context.Context, r Request) (*Response, error) {
	return c.Send(ctx, r).Decode()
}

// Models lists what the server offers.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	const path = "/models"
	x := c.send(ctx, &call{
		method: http.MethodGet, url: c.wire.site.url(path), label: c.wire.site.label + path,
		header: c.headerFor(Request{}),
	})
	defer x.release()
	if err := x.failure(); err != nil {
		return nil, err
	}
	models, err := parseModels(x.capture.buf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.call.label, err)
	}
	return models, nil
}

// Close ends the client: calls in flight and waiting fail with ErrClosed, and
// idle connections are closed. It may be called more than once.
func (c *Client) Close() error {
	c.mu.Lock()
	c.end(ErrClosed)
	c.mu.Unlock()
	c.calls.Wait()
	c.wire.transport.CloseIdleConnections()
	return nil
}

// track counts a call, so that Close can wait for it, unless the client is over.
func (c *Client) track(label string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.life.Err() != nil {
		return interrupted(c.life, label, phaseQueue)
	}
	c.calls.Add(1)
	return nil
}

// bind returns a context that ends with ctx and with the client's life.
func (c *Client) bind(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(c.life, func() { cancel(context.Cause(c.life)) })
	return ctx, func() {
		unhook()
		cancel(nil)
	}
}

// slot waits for a place among the calls at work, and returns how to leave it.
func (c *Client) slot(ctx context.Context) (leave func(), err error) {
	if c.slots == nil {
		return func() {}, ctx.Err()
	}
	select {
	case c.slots <- struct{}{}:
		return func() { <-c.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func baseHeader(cfg *Config) http.Header {
	h := http.Header{
		"Content-Type": {"application/json"},
		"Accept":       {"application/json"},
		"User-Agent":   {cfg.UserAgent},
	}
	if cfg.APIKey != "" {
		h["Authorization"] = []string{"Bearer " + cfg.APIKey}
	}
	return h
}
