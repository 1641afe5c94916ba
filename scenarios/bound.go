package scenarios

import (
	"fmt"
	"math"
)

// maxWalk is how many prompts a plan looks at one by one to say what it may send: some hundredths of a second of work.
const maxWalk = 250_000

// bound is the most that a plan may send.
type bound struct {
	walk            int64 // prompts that may still be looked at
	prompts         int64
	input, output   int64
	openEnded       string // the first stage that nothing but time ends
	unknownIn, free bool   // prompts of unknown length; answers as long as the server likes
	about           bool
}

// bound adds up what the stages may send, warm-up and tail included.
func (p *Plan) bound() bound {
	b := bound{walk: maxWalk}
	for i := range p.Stages {
		s := &p.Stages[i]
		n, ok := s.most(&b.walk)
		if !ok && b.openEnded == "" {
			b.openEnded = s.Name
		}
		b.prompts += n
		b.add(s, n)
	}
	return b
}

// most is how many prompts a stage sends at most; ok is false where only time ends it.
func (s *Stage) most(walk *int64) (n int64, ok bool) {
	if s.Requests > 0 && s.Warmup.Duration == 0 {
		n = int64(s.Warmup.Requests + s.Requests)
	} else if !s.Open() {
		return 0, false
	}
	measured := int64(s.Requests)
	if n == 0 {
		measured = 0
		schedule := s.Schedule()
		for a, more := schedule.Next(0); more && !a.Tail; a, more = schedule.Next(0) {
			n += int64(a.Size)
			if !a.Warmup {
				measured += int64(a.Size)
			}
			if *walk--; *walk <= 0 {
				return 0, false
			}
		}
	}
	if s.Open() { // the tail has as many requests as were measured, and full batches
		size := int64(s.BatchSize)
		n += (measured + size - 1) / size * size
	}
	return n, true
}

// add counts the tokens of a stage's first n prompts.
func (b *bound) add(s *Stage, n int64) {
	alike := s.trace == nil && len(s.Mix) == 0
	for _, w := range s.Workloads() {
		b.unknownIn = b.unknownIn || w.corpus != nil || w.Prompts.Words != nil || s.Sessions != nil
		b.free = b.free || w.Output.Mode == Natural && w.API != Embeddings
		alike = alike && (w.Prompts.InputTokens == nil || w.Prompts.InputTokens.fixed()) && w.Output.Lengths == nil
	}
	if alike {
		in, out := s.Tokens(0, 1)
		b.input, b.output = b.input+n*int64(in), b.output+n*int64(out)
		return
	}
	size := int64(1)
	if s.BatchMode == OneRequest && s.BatchSize > 1 { // a batch that ends a phase may be smaller, and moves those behind it
		size, b.about = int64(s.BatchSize), true
	}
	looked := min(n, max(b.walk, 1000))
	b.walk -= looked
	var in, out int64
	for i := int64(0); i < looked; i += size {
		i, o := s.Tokens(i, int(min(size, looked-i)))
		in, out = in+int64(i), out+int64(o)
	}
	if looked < n {
		b.about = true
		in, out = scale(in, n, looked), scale(out, n, looked)
	}
	b.input, b.output = b.input+in, b.output+out
}

// dollars keeps two places, and of less than a dollar two digits.
func dollars(v float64) string {
	if v >= 1 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

func scale(v, n, of int64) int64 { return int64(math.Round(float64(v) * float64(n) / float64(of))) }

// boundLine says the bound in words.
func (p *Plan) boundLine() string {
	b := p.bound()
	if b.openEnded != "" {
		line := fmt.Sprintf("how much is sent is not bounded: time ends stage %s", b.openEnded)
		if p.Budget != nil {
			line = fmt.Sprintf("the budget bounds what is sent: time ends stage %s", b.openEnded)
		}
		return line
	}
	in, out, most := fmt.Sprint(b.input), fmt.Sprint(b.output), "at most"
	if b.about {
		most = "about"
	}
	if b.unknownIn {
		in = "unknown"
	}
	if b.free {
		out = "unknown"
	}
	line := fmt.Sprintf("%s %d prompts, input tokens %s, output tokens %s", most, b.prompts, in, out)
	if p.Budget == nil || b.unknownIn || b.free {
		return line
	}
	cost := p.Budget.Prices.Cost(b.input, b.output)
	if p.Budget.Prices != (Prices{}) {
		line += ", " + dollars(cost) + " USD"
	}
	if t := p.Budget.TotalTokens; t > 0 && b.input+b.output > int64(t) || p.Budget.USD > 0 && cost > p.Budget.USD {
		line += "; the budget ends it earlier"
	}
	return line
}
