package results

// Waste is what went over the wire for measured attempts that failed, whether their request succeeded in the end or not.
// What a server did for them it did in vain.
type Waste struct {
	Attempts     int64 `json:"attempts"`      // that failed; cancelled ones are the tool's own doing
	InputTokens  int64 `json:"input_tokens"`  // of their prompts, where they were written and their length is known
	OutputTokens int64 `json:"output_tokens"` // that came of them; a content event is one where nothing counts them
}

func (w *Waste) add(o Waste) {
	w.Attempts += o.Attempts
	w.InputTokens += o.InputTokens
	w.OutputTokens += o.OutputTokens
}

// wasted is what a request wasted. Content came of its last attempt alone: behind content nothing is retried.
func (r *Record) wasted() (w Waste) {
	prompt := int64(r.Tokens.Input)
	if prompt == 0 {
		prompt = int64(r.Tokens.RequestedInput)
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.Outcome == OK || a.Outcome == Cancelled {
			continue
		}
		w.Attempts++
		if a.SentNS != 0 {
			w.InputTokens += prompt
		}
		if i == len(r.Attempts)-1 {
			w.OutputTokens += r.came()
		}
	}
	return w
}

// came is how many output tokens the last attempt brought.
func (r *Record) came() (n int64) {
	a := &r.Last().Arrivals
	switch {
	case a.counted():
		return int64(sum(a.K))
	case r.Tokens.Output > 0:
		return int64(r.Tokens.Output)
	}
	return int64(sum(a.Events))
}
