package results

// counter returns the count that an outcome belongs to. The counts exclude each other: issued is their sum.
func (r *Requests) counter(o Outcome) *int64 {
	switch o {
	case OK:
		return &r.Succeeded
	case Cancelled:
		return &r.Cancelled
	case Dropped:
		return &r.Dropped
	case TimeoutQueue, TimeoutConnect, TimeoutFirstToken, TimeoutIdle, TimeoutTotal:
		return &r.TimedOut
	}
	return &r.Failed
}

func (r *Requests) add(o Requests) {
	r.Issued += o.Issued
	r.Succeeded += o.Succeeded
	r.Failed += o.Failed
	r.TimedOut += o.TimedOut
	r.Cancelled += o.Cancelled
	r.Dropped += o.Dropped
	r.Warmup += o.Warmup
	r.Tail += o.Tail
}

func (n *readCounts) add(o readCounts) {
	n.all += o.all
	n.multi += o.multi
	n.unstamped += o.unstamped
}

func (w *windowCounts) add(o windowCounts) {
	w.succeeded += o.succeeded
	w.attained += o.attained
	w.input += o.input
	w.output += o.output
}

func (t *TokenTotals) add(o TokenTotals) {
	t.Input += o.Input
	t.Cached += o.Cached
	t.Reasoning += o.Reasoning
	t.Output += o.Output
	t.RequestedInput += o.RequestedInput
	t.RequestedOutput += o.RequestedOutput
}

func addAll[K comparable](into, from map[K]int64) {
	for k, n := range from {
		into[k] += n
	}
}
