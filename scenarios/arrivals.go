package scenarios

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// Arrivals is the process that open-loop arrivals follow, as it is written: constant, poisson, gamma(0.5), ramp(1/s, 20/s),
// steps(5/s 30s, 20/s 1m) or trace(azure.csv, 2).
type Arrivals string

// UnmarshalText refuses an unknown process and writes a known one in its one form.
func (a *Arrivals) UnmarshalText(b []byte) error {
	p, err := parseProcess(string(b))
	if err != nil {
		return err
	}
	*a = Arrivals(p.String())
	return nil
}

// process is what an Arrivals says.
type process struct {
	kind       string
	burstiness float64 // gamma: the shape of the gaps' distribution
	steps      []step  // ramp: its two ends, without a length
	file       string
	speed      float64 // trace: how many times as fast
}

// step is a rate that holds for a time.
type step struct {
	rate Rate
	hold time.Duration
}

// steady reports whether the stage's rate is the process's own only parameter of speed; others bring their rates along.
func (p process) steady() bool { return p.kind != "ramp" && p.kind != "steps" && p.kind != "trace" }

// String writes the process in its one form.
func (p process) String() string {
	switch p.kind {
	case "gamma":
		return "gamma(" + number(p.burstiness) + ")"
	case "ramp":
		return fmt.Sprintf("ramp(%s, %s)", p.steps[0].rate, p.steps[1].rate)
	case "steps":
		list := make([]string, len(p.steps))
		for i, s := range p.steps {
			list[i] = s.rate.String() + " " + s.hold.String()
		}
		return "steps(" + strings.Join(list, ", ") + ")"
	case "trace":
		if p.speed == 1 {
			return "trace(" + p.file + ")"
		}
		return "trace(" + p.file + ", " + number(p.speed) + ")"
	}
	return p.kind
}

// label names a stage whose rate is the process's own.
func (p process) label() string {
	switch p.kind {
	case "ramp":
		return fmt.Sprintf("ramp=%s..%s", p.steps[0].rate, p.steps[1].rate)
	case "trace":
		if p.speed != 1 {
			return "trace,speed=" + number(p.speed)
		}
	}
	return p.kind
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

const arrivalForms = "write constant, poisson, gamma(0.5), ramp(1/s, 20/s), steps(5/s 30s, 20/s 1m) or trace(file.csv, 2)"

func parseProcess(text string) (process, error) {
	name, rest, called := strings.Cut(strings.TrimSpace(text), "(")
	p := process{kind: strings.TrimSpace(name), speed: 1}
	inside, closed := strings.CutSuffix(rest, ")")
	if called && !closed {
		return p, fmt.Errorf("arrivals %.80q lack their closing bracket: within { } put them in quotes, such as \"ramp(1/s, 20/s)\"", text)
	}
	args := strings.Split(inside, ",")
	for i := range args {
		args[i] = strings.TrimSpace(args[i])
	}
	switch {
	case (p.kind == "constant" || p.kind == "poisson") && !called:
		return p, nil
	case p.kind == "gamma" && called && len(args) == 1:
		return p, p.gamma(args[0])
	case p.kind == "ramp" && called && len(args) == 2:
		return p, p.ramp(args)
	case p.kind == "steps" && called && inside != "":
		return p, p.addSteps(args)
	case p.kind == "trace" && called && args[0] != "" && len(args) <= 2:
		return p, p.trace(args)
	}
	return p, fmt.Errorf("arrivals %.80q are not known: %s", text, arrivalForms)
}

// Bounds of what only a slip of the pen passes.
const (
	leastShape, mostShape = 0.01, 10_000
	leastSpeed, mostSpeed = 0.001, 1_000_000
	maxSteps              = 1000
)

func (p *process) gamma(arg string) (err error) {
	p.burstiness, err = between(arg, leastShape, mostShape)
	if err != nil {
		return fmt.Errorf("burstiness %w: 1 is Poisson, below it arrivals come in bursts, above it they are more even", err)
	}
	return nil
}

func between(text string, least, most float64) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || v < least || v > most {
		return least, fmt.Errorf("%.40q is not a number from %s to %s", text, number(least), number(most))
	}
	return v, nil
}

func (p *process) ramp(args []string) error {
	p.steps = make([]step, len(args))
	for i, arg := range args {
		if err := p.steps[i].rate.UnmarshalText([]byte(arg)); err != nil {
			return fmt.Errorf("ramp: %w", err)
		}
	}
	return nil
}

func (p *process) addSteps(args []string) error {
	if len(args) > maxSteps {
		return fmt.Errorf("%d steps: at most %d", len(args), maxSteps)
	}
	for _, arg := range args {
		var s step
		rate, hold, _ := strings.Cut(arg, " ")
		if err := s.rate.UnmarshalText([]byte(rate)); err != nil {
			return fmt.Errorf("step %.60q: %w", arg, err)
		}
		var err error
		if s.hold, err = time.ParseDuration(strings.TrimSpace(hold)); err != nil || s.hold <= 0 || s.hold > maxTime {
			return fmt.Errorf("step %.60q: write a rate and how long it holds, such as 5/s 30s; at most %.0fh", arg, maxTime.Hours())
		}
		p.steps = append(p.steps, s)
	}
	return nil
}

func (p *process) trace(args []string) error {
	p.file = args[0]
	if len(args) == 1 {
		return nil
	}
	v, err := between(args[1], leastSpeed, mostSpeed)
	if err != nil {
		return fmt.Errorf("speed %w: 2 is twice as fast as the trace", err)
	}
	p.speed = v
	return nil
}

// stepsTime is how long the steps hold.
func (p process) stepsTime() (sum time.Duration) {
	for _, s := range p.steps {
		sum += s.hold
	}
	return sum
}

// arriving is what arrives in an open loop, requests or sessions, and its key; nil in a closed loop.
func (l *loadSpec) arriving() (o *openSpec, key string) {
	switch {
	case l.Sessions != nil:
		return &l.Sessions.Open, "sessions"
	case l.Open != nil:
		return l.Open, "open"
	}
	return nil, ""
}

// arrivals resolves the process of an open draft.
func (r *resolver) arrivals(d draft, s *Stage) {
	o, key := d.load.arriving()
	if o == nil {
		return
	}
	key = "load." + key + "."
	at := d.place(key + "arrivals")
	s.Arrivals, s.MaxInFlight = o.Arrivals, defaultMaxInFlight
	fallback(&s.Arrivals, "poisson")
	s.process, _ = parseProcess(string(s.Arrivals)) // it has been parsed before
	if s.process.kind == "trace" {
		r.trace(d, s, at)
	}
	switch p := s.process; {
	case s.Arrivals == "poisson" && o.Arrivals == "" && written(d.root, at):
		// what is written there could not be read
	case p.steady() && o.Rate == nil:
		r.fail(d.place(key+"rate"), "open load needs a rate: write rate: 5/s")
	case !p.steady() && o.Rate != nil:
		r.fail(d.place(key+"rate"), "arrivals %s bring their own rate: leave rate out", p.kind)
	case p.kind == "trace" && d.load.Sessions != nil:
		r.fail(at, "a trace says what each request is, and sessions make their own: use load.open, or other arrivals")
	case !p.steady() && d.load.Sessions != nil && s.Warmup.Requests > 0:
		r.fail(d.place("load.warmup.requests"), "arrivals %s begin at the end of the warm-up, which sessions reach at no certain time: write warmup: {duration: 30s}", p.kind)
	case p.kind == "ramp" && s.Duration == 0:
		r.fail(at, "a ramp needs a duration, over which the rate goes from one to the other: write duration: 60s under load")
	case p.kind == "steps" && d.load.Duration == nil && d.load.Requests == nil:
		s.Requests, s.Duration = 0, p.stepsTime()
		r.checkTime(at, "the steps' time", s.Duration)
	}
	if o.MaxInFlight != nil {
		s.MaxInFlight = *o.MaxInFlight
		r.inRange(d.place(key+"max_in_flight"), "max_in_flight", s.MaxInFlight, 1, maxInFlight)
	}
	if o.WhenFull != "" && o.WhenFull != "queue" {
		r.fail(d.place(key+"when_full"), "when_full %.60q: only queue is known; a request is never skipped", o.WhenFull)
	}
}

// Dispersion is the variance of the number of arrivals in a long time, divided by its mean: 0 where they are even, 1 for a
// Poisson process.
func (s *Stage) Dispersion() float64 {
	switch s.process.kind {
	case "poisson":
		return 1
	case "gamma":
		return 1 / s.process.burstiness
	}
	return 0
}

// meanRate is the rate of a process that brings its own, over the measured time.
func (s *Stage) meanRate() Rate {
	switch p := s.process; p.kind {
	case "ramp":
		return (p.steps[0].rate + p.steps[1].rate) / 2
	case "steps":
		var n float64
		for _, one := range p.steps {
			n += float64(one.rate) * one.hold.Seconds()
		}
		return Rate(n / p.stepsTime().Seconds())
	case "trace":
		return Rate(s.trace.rate() * p.speed)
	}
	return 0
}

func (r *resolver) trace(d draft, s *Stage, at string) {
	s.trace = r.readTrace(s.process.file, at)
	s.Trace = s.trace.info
	if s.trace.requests == nil {
		return // its mistakes are said
	}
	if len(d.load.Batch.Size) > 1 || len(d.load.Batch.Size) == 1 && d.load.Batch.Size[0] != 1 {
		r.fail(d.place("load.batch.size"), "a trace says what each request is: leave batch out")
	}
	if d.load.Requests != nil || d.load.Duration != nil {
		return
	}
	s.Requests = s.trace.after(s.Warmup, s.process.speed)
	if s.Requests == 0 {
		r.fail(at, "%s has %d requests, and the warm-up takes them all", path.Base(s.process.file), s.Trace.Count)
	}
}
