package client

import (
	"context"
	"errors"
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

	gate     *gate
	budget   *budget
	slots    chan struct{} // nil where concurrency is not limited
	captures sync.Pool     // of *capture
	metrics  *metrics
	model    firstModel

	life   context.Context // ended by Close
	end    context.CancelCauseFunc
	census *census
}

// wire is what the client knows of the connection's other side.
type wire struct {
	site    site
	methods [Embeddings + 1]target // by API
	header  http.Header
	carrier carrier
	sender  http.RoundTripper // the carrier inside the middleware
	secrets secrets
}

// New returns a client of the server at endpoint, such as
// http://localhost:8000 or https://host/v1. The context bounds New alone, not
// the client's life. New begins to open connections and does not wait for them:
// see Warm and Config.LazyInit. Its error names all mistakes at once.
func New(ctx context.Context, endpoint string, cfg Config) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	site, err := parseEndpoint(endpoint)
	if err := errors.Join(append(cfg.check(), err)...); err != nil {
		return nil, err
	}
	cfg = cfg.resolved()
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	c := &Client{
		cfg: &cfg, wire: newWire(&cfg, site),
		gate: newGate(&cfg), budget: newBudget(cfg.RetryBudget), metrics: newMetrics(),
		life: life, end: end, census: &census{},
	}
	if cfg.MaxConcurrent > 0 {
		c.slots = make(chan struct{}, cfg.MaxConcurrent)
	}
	c.captures.New = newCapture
	if !cfg.LazyInit {
		c.wire.carrier.fill()
	}
	return c, nil
}

func newWire(cfg *Config, site site) *wire {
	w := &wire{site: site, header: baseHeader(cfg), carrier: newCarrier(cfg, site.base), secrets: newSecrets(cfg, site.base)}
	for api := range w.methods {
		w.methods[api] = site.target("/" + API(api).String())
	}
	w.sender = w.carrier
	if cfg.Middleware != nil {
		w.sender = cfg.Middleware(w.carrier)
	}
	return w
}

// String names the endpoint.
func (c *Client) String() string { return "client.Client{" + c.wire.site.label + "}" }

// GoString is String: %#v must not show the key.
func (c *Client) GoString() string { return c.String() }

// Send performs one request with its retries and returns what came, never nil.
// It reads and stamps; the answer is decoded by Exchange.Decode.
func (c *Client) Send(ctx context.Context, r Request) *Exchange {
	return c.SendPrepared(ctx, c.Prepare(ctx, r))
}

// Chat sends a request (of any API) and decodes the answer. With an error the
// Response holds what came before it, and is never nil.
func (c *Client) Chat(ctx context.Context, r Request) (*Response, error) {
	return c.Send(ctx, r).Decode()
}

// Models lists what the server offers.
func (c *Client) Models(ctx context.Context) ([]Model, error) {
	x := c.send(ctx, c.modelsCall())
	defer x.release()
	if err := x.failure(); err != nil {
		return nil, err
	}
	models, err := parseModels(x.capture.buf)
	if err != nil {
		last := len(x.Attempts)
		return nil, locate(err, x.call, &x.Attempts[last-1], last)
	}
	return models, nil
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
