package runner

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/scenarios"
)

// clients are one for each endpoint, which take turns.
type clients struct {
	all    []*client.Client
	labels []string // of records; empty where there is one endpoint
	pool   int      // connections of each
}

// newClients makes one for the target's endpoint and one for each further one of the plan. They share one rate limit.
func newClients(ctx context.Context, plan *scenarios.Plan, endpoint string, cfg Config) (*clients, error) {
	first, pool, err := newClient(ctx, plan, endpoint, cfg)
	if err != nil {
		return nil, err
	}
	out := &clients{all: []*client.Client{first}, pool: pool}
	for _, more := range plan.Target.More {
		c, err := first.Beside(more, pool)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("endpoint %d: %w", len(out.all)+1, err), out.close())
		}
		out.all = append(out.all, c)
	}
	if len(out.all) > 1 {
		out.labels = EndpointLabels(append([]string{endpoint}, plan.Target.More...))
	}
	return out, nil
}

// EndpointLabels are addresses as records name them: without the query, where some servers want their key.
func EndpointLabels(endpoints []string) (out []string) {
	for _, e := range endpoints {
		address, _, _ := strings.Cut(e, "?")
		out = append(out, address)
	}
	return out
}

// next is the client of a turn, and its label.
func (cs *clients) next(turn int64) (c *client.Client, label string) {
	i := int(turn % int64(len(cs.all)))
	if cs.labels != nil {
		label = cs.labels[i]
	}
	return cs.all[i], label
}

func (cs *clients) close() error {
	var errs []error
	for _, c := range cs.all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// maxLabel is how many bytes of a header's value a label keeps.
const maxLabel = 200

// labels are the headers of an answer that the plan asks to keep.
func (sr *stageRun) labels(h http.Header) map[string]string {
	var out map[string]string
	for _, name := range sr.plan.Target.LabelHeaders {
		v := h.Get(name)
		if v == "" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = sr.secrets.Replace(strings.ToValidUTF8(v[:min(len(v), maxLabel)], ""))
	}
	return out
}
