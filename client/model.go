package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
)

// firstModel is the server's first model, asked for when a request first needs
// it and remembered from then on.
type firstModel struct {
	mu     sync.Mutex
	id     string
	asking *modelQuestion // nil while nobody asks
}

// modelQuestion is asked by one call; the others that need the answer wait for it.
type modelQuestion struct {
	done    chan struct{} // closed when id and err are there
	id      string
	err     error
	givenUp bool // the caller that asked gave up: the others must ask again
}

// modelError is why a request that names no model got none.
type modelError struct{ cause error }

func (e *modelError) Error() string {
	return e.cause.Error() + " (asked for its first model: neither Request.Model nor Config.Model names one)"
}

func (e *modelError) Unwrap() error { return e.cause }

// nameModel fills in the model of a request that names none. Its error is a
// *modelError.
func (c *Client) nameModel(ctx context.Context, r *Request) error {
	r.Model = cmp.Or(r.Model, c.cfg.Model)
	_, given := r.Extra["model"]
	_, configured := c.cfg.ExtraBody["model"]
	if r.Model != "" || given || configured {
		return nil
	}
	id, err := c.serversFirst(ctx)
	if err != nil {
		return &modelError{err}
	}
	r.Model = id
	return nil
}

// serversFirst returns the server's first model. A failure is not remembered.
func (c *Client) serversFirst(ctx context.Context) (string, error) {
	for {
		id, q, mine := c.model.join()
		switch {
		case q == nil:
			return id, nil
		case mine:
			c.ask(ctx, q)
			return q.id, q.err
		}
		select {
		case <-q.done:
		case <-ctx.Done():
			return "", waitError(ctx, where{endpoint: c.wire.site.label})
		}
		if !q.givenUp {
			return q.id, q.err
		}
	}
}

// join returns the model, or the question under way, or a new one that the
// caller must ask.
func (m *firstModel) join() (id string, q *modelQuestion, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.id != "":
		return m.id, nil, false
	case m.asking != nil:
		return "", m.asking, false
	}
	m.asking = &modelQuestion{done: make(chan struct{})}
	return "", m.asking, true
}

// ask asks the question. Those who wait for it must hear of an end even if the
// program's own code, such as its Observer, panics.
func (c *Client) ask(ctx context.Context, q *modelQuestion) {
	q.givenUp = true
	defer c.model.answer(q)
	models, err := c.Models(ctx)
	q.givenUp = err != nil && (ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded))
	switch {
	case err != nil:
		q.err = err
	case len(models) == 0:
		q.err = fmt.Errorf("%s/models: %w: the list is empty", c.wire.site.label, ErrMalformed)
	default:
		q.id = models[0].ID
	}
}

func (m *firstModel) answer(q *modelQuestion) {
	m.mu.Lock()
	m.id, m.asking = q.id, nil
	m.mu.Unlock()
	close(q.done)
}
