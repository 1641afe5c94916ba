package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/scenarios"
)

// probed is what one request told about a server.
type probed struct {
	roundTrip, ttft, e2e time.Duration
	input, cached        int // tokens, as the server counts
	asked, output        int
	events               int
	usage, ignoreEOS     bool
}

// probeLimit bounds the probe: a server that does not answer one request in this time cannot be measured.
const probeLimit = 2 * time.Minute

// probe sends the plan's first request alone: what comes back decides how the load can be measured. A server that refuses
// ignore_eos is asked again without.
func (sys IO) probe(ctx context.Context, p *scenarios.Plan, endpoint string) (probed, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	defer sys.waiting("the answer to the probe", probeLimit)()
	c, err := probeClient(ctx, p, endpoint)
	if err != nil {
		return probed{}, err
	}
	defer c.Close()
	out := probed{ignoreEOS: true}
	begin := time.Now()
	if _, err := c.Models(ctx); err == nil {
		out.roundTrip = time.Since(begin)
	}
	r := probeRequest(p)
	out.asked = r.MaxTokens
	err = out.ask(ctx, c, r)
	var refused *client.APIError
	if errors.As(err, &refused) && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusUnprocessableEntity) {
		r.IgnoreEOS, r.MinTokens, out.ignoreEOS = false, 0, false
		err = out.ask(ctx, c, r)
	}
	if err != nil {
		return out, cleaned(p, "the probe failed, so no load was sent:", err)
	}
	if out.usage && out.output != out.asked {
		out.ignoreEOS = false // taken in silence, and not heeded
	}
	return out, nil
}

func probeRequest(p *scenarios.Plan) client.Request {
	r := p.Stages[0].Request(-1, 1, uint64(time.Now().UnixNano()))
	return client.Request{
		API: client.Chat, Model: p.Model, Stream: true, Messages: []client.Message{{Role: "user", Content: r.Texts[0]}},
		MaxTokens: r.Tokens, MinTokens: r.Tokens, IgnoreEOS: true, Extra: r.Extra,
	}
}

func (p *probed) ask(ctx context.Context, c *client.Client, r client.Request) error {
	x := c.Send(ctx, r)
	answer, err := x.Decode()
	if err != nil {
		return err
	}
	a := x.Attempts[len(x.Attempts)-1]
	p.e2e = a.Done.Sub(a.Started)
	if !a.FirstToken.IsZero() {
		p.ttft = a.FirstToken.Sub(a.Started)
	}
	p.usage, p.events = answer.UsageKnown, answer.ContentEvents
	p.input, p.cached, p.output = answer.Usage.InputTokens, answer.Usage.CachedTokens, answer.Usage.OutputTokens
	return nil
}

func (p probed) String() string {
	text := "probe: "
	if p.roundTrip > 0 {
		text += fmt.Sprintf("round trip %s, ", short(p.roundTrip))
	}
	text += fmt.Sprintf("first token %s, whole answer %s", short(p.ttft), short(p.e2e))
	if !p.usage {
		return text + "; the server reports no usage: tokens will be counted as content events"
	}
	text += fmt.Sprintf("; %d tokens in (%d cached), %d of %d out", p.input, p.cached, p.output, p.asked)
	if p.events > 0 {
		text += fmt.Sprintf(", %.2f tokens an event", float64(p.output)/float64(p.events))
	}
	if p.ignoreEOS {
		return text + "; ignore_eos is taken: lengths are exact"
	}
	return text + "; ignore_eos is not taken: lengths are capped, not exact"
}

// short rounds a time to what a reader can use.
func short(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 100*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
