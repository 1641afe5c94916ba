package client

import (
	"cmp"
	"context"
	"time"
)

const (
	defaultMaxTokens   = 100
	defaultTemperature = 0.3
)

// GenerateOptions says how [Client.Generate] asks. The zero value is ready to use.
type GenerateOptions struct {
	// Model answers. Default Config.Model, else the server's first.
	Model string
	// MaxTokens is the most tokens to generate. Default 100; Off leaves it to
	// the server.
	MaxTokens int
	// Temperature is how freely the model picks, from 0 to 2. Default 0.3; write
	// another one as new(0.7).
	Temperature *float64
	// Stop ends the text before the first of these. Default none.
	Stop []string
	// Extra are further fields of the body; they win over all others.
	Extra map[string]any
}

// Generation is a generated text.
type Generation struct {
	Text         string
	Reasoning    string // what the model thought aloud first, where the server tells it apart
	TokensUsed   int    // input and output; 0 where the server did not count
	Usage        Usage
	Latency      time.Duration // of the last attempt; waits for limits and earlier attempts are not in it
	Model        string        // the server's word for it; where it says nothing, what was asked for
	FinishReason string        // stop, length (MaxTokens was hit), content_filter ...
	Metadata     Metadata
}

// Metadata is what came along with a [Generation].
type Metadata struct {
	RequestID string     // the server's
	Attempts  []Attempt  // each try with its times, status and headers; the last succeeded
	RateLimit *RateLimit // nil where the server sent no such headers
}

// Generate sends a prompt as a chat of one user message and returns the whole
// text. With an error there is no Generation.
func (c *Client) Generate(ctx context.Context, prompt string, opts GenerateOptions) (*Generation, error) {
	r := opts.request()
	r.Messages = []Message{{Role: "user", Content: prompt}}
	x := c.Send(ctx, r)
	resp, err := x.Decode()
	if err != nil {
		return nil, err
	}
	g := x.generation(resp)
	g.Text, g.Reasoning, g.FinishReason = resp.Text, resp.Reasoning, resp.FinishReason
	g.Usage = resp.Usage
	g.TokensUsed = resp.Usage.InputTokens + resp.Usage.OutputTokens
	return g, nil
}

// request returns a request with the options filled in.
func (o GenerateOptions) request() Request {
	r := Request{Model: o.Model, MaxTokens: limit(o.MaxTokens, defaultMaxTokens), Temperature: o.Temperature, Stop: o.Stop, Extra: o.Extra}
	if o.MaxTokens < Off {
		r.MaxTokens = o.MaxTokens // for Request.check to refuse
	}
	if r.Temperature == nil {
		r.Temperature = new(defaultTemperature)
	}
	return r
}

// generation returns what all texts of a successful exchange have in common.
func (x *Exchange) generation(resp *Response) *Generation {
	a := &x.Attempts[len(x.Attempts)-1]
	return &Generation{
		Latency: a.Done.Sub(a.Started),
		Model:   cmp.Or(resp.Model, x.call.model),
		Metadata: Metadata{
			RequestID: a.RequestID,
			Attempts:  x.Attempts,
			RateLimit: rateLimit(a.Header),
		},
	}
}
