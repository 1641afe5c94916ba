package runner

import (
	"fmt"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// Spending is what a run has used of its budget, and what its requests under way may use at most: nothing is sent that
// could go beyond. It is not safe for concurrent use; a nil Spending has no bounds.
type Spending struct {
	budget     scenarios.Budget
	used, held usage
	why        string // the bound that was met
}

type usage struct{ input, output int64 }

func (u usage) plus(o usage, sign int64) usage {
	return usage{u.input + sign*o.input, u.output + sign*o.output}
}

// NewSpending begins a run; nil for a plan without a budget.
func NewSpending(b *scenarios.Budget) *Spending {
	if b == nil {
		return nil
	}
	return &Spending{budget: *b}
}

// planned is what an arrival may use.
func planned(s *scenarios.Stage, a scenarios.Arrival) (u usage) {
	n := Requests(s, a)
	for i := range n {
		in, out := s.Tokens(a.First+int64(i), a.Size/n)
		u.input, u.output = u.input+int64(in), u.output+int64(out)
	}
	return u
}

// hold sets aside what an arrival may use; ok is false when that is too much.
func (s *Spending) hold(st *scenarios.Stage, a scenarios.Arrival) (ok bool) {
	if s == nil {
		return true
	}
	if s.why != "" {
		return false
	}
	u := planned(st, a)
	all := s.used.plus(s.held, 1).plus(u, 1)
	cost := s.budget.Prices.Cost(all.input, all.output)
	switch tokens := all.input + all.output; {
	case s.budget.TotalTokens > 0 && tokens > int64(s.budget.TotalTokens):
		s.why = fmt.Sprintf("budget: the next request could go beyond its %d tokens", s.budget.TotalTokens)
	case s.budget.USD > 0 && cost > s.budget.USD:
		s.why = fmt.Sprintf("budget: the next request could go beyond its %v USD", s.budget.USD)
	default:
		s.held = s.held.plus(u, 1)
	}
	return s.why == ""
}

// release takes back what was set aside for an arrival that is not sent.
func (s *Spending) release(st *scenarios.Stage, a scenarios.Arrival) {
	if s != nil {
		s.held = s.held.plus(planned(st, a), -1)
	}
}

// settle puts what a request used in the place of what was set aside for it. Without the server's count it used its prompt,
// if it was answered at all, and a token an event.
func (s *Spending) settle(t results.Tokens) {
	if s == nil {
		return
	}
	s.held = s.held.plus(usage{int64(t.RequestedInput), int64(t.RequestedOutput)}, -1)
	u := usage{int64(t.Input), int64(t.Output)}
	if t.Source == results.FromEvents {
		u.input = int64(t.RequestedInput)
	}
	s.used = s.used.plus(u, 1)
}

// Summary is what the run's summary says of the budget; nil without one.
func (s *Spending) Summary() *results.Budget {
	if s == nil {
		return nil
	}
	return &results.Budget{
		TotalTokens: int64(s.budget.TotalTokens), USD: s.budget.USD, Exhausted: s.why != "",
		UsedInput: s.used.input, UsedOutput: s.used.output, UsedUSD: s.budget.Prices.Cost(s.used.input, s.used.output),
	}
}
