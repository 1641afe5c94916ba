package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// BatchResult is what became of one prompt of a batch: one of both is nil.
type BatchResult struct {
	Generation *Generation
	Err        error
}

// GenerateBatch is [Client.Generate] of many prompts, as many at once as
// Config.MaxConcurrent allows; all of them where that is off. Results come in
// the order of the prompts. One that fails leaves the others alone; when the
// context ends, those that are not finished have its error. Where no model is
// named, the server is asked for its first once, and all fail if that does.
func (c *Client) GenerateBatch(ctx context.Context, prompts []string, opts GenerateOptions) []BatchResult {
	results := make([]BatchResult, len(prompts))
	if len(prompts) == 0 {
		return results
	}
	r := opts.request()
	if err := c.nameModel(ctx, &r); err != nil {
		for i := range results {
			results[i].Err = err
			c.unsent(err)
		}
		return results
	}
	opts.Model = r.Model
	workers := len(prompts)
	if most := c.cfg.MaxConcurrent; most > 0 {
		workers = min(workers, most)
	}
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(prompts)); i = next.Add(1) - 1 {
				results[i].Generation, results[i].Err = c.generateOne(ctx, prompts[i], opts)
			}
		})
	}
	all.Wait()
	return results
}

// generateOne encodes nothing once the batch is over: there may be many left.
func (c *Client) generateOne(ctx context.Context, prompt string, opts GenerateOptions) (*Generation, error) {
	if ctx.Err() == nil {
		return c.Generate(ctx, prompt, opts)
	}
	err := waitError(ctx, where{endpoint: c.wire.methods[Chat].label})
	c.metrics.observe(0, nil, nil, err)
	return nil, err
}

// GenerateBatchRequest sends all prompts in one request, to /completions. That
// is cheaper in requests where they are what a server limits, but the prompts
// get no chat template, they succeed or fail together, and the server counts
// their tokens together: the total is returned, Generation.Usage is zero. A
// prompt that the server left out has an error of its own.
func (c *Client) GenerateBatchRequest(ctx context.Context, prompts []string, opts GenerateOptions) (results []BatchResult, total Usage) {
	results = make([]BatchResult, len(prompts))
	if len(prompts) == 0 {
		return results, total
	}
	r := opts.request()
	r.API, r.Prompts = Completions, prompts
	x := c.Send(ctx, r)
	resp, err := x.Decode()
	per := max(1, len(resp.Choices)/len(prompts)) // Extra may ask for several choices a prompt
	for i := range results {
		switch at := i * per; {
		case err != nil:
			results[i].Err = err
		case at >= len(resp.Choices) || resp.Choices[at].absent():
			results[i].Err = fmt.Errorf("%s: %w: no choice for prompt %d of %d", x.call.label, ErrMalformed, i, len(prompts))
		default:
			results[i].Generation = x.generation(resp)
			results[i].Generation.take(&resp.Choices[at])
		}
	}
	return results, resp.Usage
}

// absent tells a choice that only fills the gap before a later one.
func (c *Choice) absent() bool {
	return c.Text == "" && c.Reasoning == "" && c.Refusal == "" && c.FinishReason == "" && c.ToolCalls == nil
}

func (g *Generation) take(c *Choice) {
	g.Text, g.Reasoning, g.FinishReason = c.Text, c.Reasoning, c.FinishReason
}
