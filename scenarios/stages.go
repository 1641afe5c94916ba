package scenarios

import (
	"fmt"
	"strconv"

	"github.com/llmload/llmload/internal/strictyaml"
)

// draft is a stage entry before its lists are multiplied out. path is the entry's own place, empty for the scenario's.
type draft struct {
	path     string
	name     string
	workload workloadSpec
	load     loadSpec
	faults   *strictyaml.Node
}

func (r *resolver) stages() []Stage {
	drafts := r.drafts()
	var out []Stage
	seen := map[string]bool{}
	for _, d := range drafts {
		base, ok := r.baseStage(d)
		if !ok {
			continue
		}
		for _, s := range r.multiply(d, base) {
			if seen[s.Name] {
				r.fail(d.place("name", r.spec.node), "two stages are named %q: give each entry of stages its own name", s.Name)
			}
			seen[s.Name] = true
			s.seed = mix(r.spec.Seed, uint64(len(out))+1)
			out = append(out, s)
		}
	}
	return out
}

// drafts lists the stage entries, each decoded over the scenario's own workload and load.
func (r *resolver) drafts() []draft {
	entries := r.spec.Stages
	if len(entries) == 0 {
		entries = []stageSpec{{}}
	}
	out := make([]draft, 0, len(entries))
	for i, e := range entries {
		d := draft{name: e.Name}
		if len(r.spec.Stages) > 0 {
			d.path = fmt.Sprintf("stages[%d].", i)
		}
		quiet := r
		if i > 0 { // the scenario's own sections report their mistakes once
			quiet = &resolver{spec: r.spec}
		}
		quiet.decode(r.spec.Workload, &d.workload)
		quiet.decode(r.spec.Load, &d.load)
		override(&d, e)
		r.decode(e.Workload, &d.workload)
		r.decode(e.Load, &d.load)
		if !e.Faults.IsZero() {
			d.faults = &e.Faults
			if r.spec.Target.Endpoint != "" {
				r.fail(d.path+"faults", "faults need the bundled mock as target: a real server cannot be told to fail")
			}
		} else if !r.spec.Faults.IsZero() {
			d.faults = &r.spec.Faults
		}
		out = append(out, d)
	}
	return out
}

// override drops what an entry replaces as a whole: the load's mode, its bounds and the prompts' source.
func override(d *draft, e stageSpec) {
	if !e.Load.Get("open").IsZero() {
		d.load.Closed = nil
	}
	if !e.Load.Get("closed").IsZero() {
		d.load.Open = nil
	}
	if !e.Load.Get("requests").IsZero() || !e.Load.Get("duration").IsZero() {
		d.load.Requests, d.load.Duration = 0, 0
	}
	for _, source := range []string{"synthetic", "file", "sharegpt"} {
		if !e.Workload.Get("prompts." + source).IsZero() {
			cache := d.workload.Prompts.Cache
			d.workload.Prompts = promptsSpec{Cache: cache}
		}
	}
}

// place finds where key is written: in the entry itself, else in the scenario.
func (d draft) place(key string, root strictyaml.Node) string {
	if d.path != "" && (!root.Get(d.path+key).IsZero() || root.Get(key).IsZero()) {
		return d.path + key
	}
	return key
}

// baseStage resolves all that the lists of a draft share.
func (r *resolver) baseStage(d draft) (Stage, bool) {
	before := len(r.errs)
	s := Stage{
		Name: d.name, API: d.workload.API, Temperature: d.workload.Temperature, Faults: d.faults,
		BatchMode: d.load.Batch.Mode, Requests: d.load.Requests, Duration: d.load.Duration, Pause: d.load.Pause,
		Warmup: Warmup{d.load.Warmup.Requests, d.load.Warmup.Duration},
	}
	fallback(&s.API, Chat)
	fallback(&s.BatchMode, Concurrent)
	s.Stream = s.API != Embeddings
	if d.workload.Stream != nil {
		s.Stream = *d.workload.Stream
	}
	if s.Requests == 0 && s.Duration == 0 {
		s.Requests = defaultRequests
	}
	r.prompts(d, &s)
	r.output(d, &s)
	r.checkStage(d, s)
	return s, len(r.errs) == before
}

func fallback[T ~string](v *T, value T) {
	if *v == "" {
		*v = value
	}
}

func (r *resolver) output(d draft, s *Stage) {
	o := d.workload.Output
	s.Output = Output{Tokens: o.Tokens, Mode: o.Mode}
	fallback(&s.Output.Mode, Exact)
	at := func(key string) string { return d.place("workload.output."+key, r.spec.node) }
	switch {
	case s.API == Embeddings:
		s.Output = Output{Mode: Natural}
		if o.Tokens != 0 {
			r.fail(at("tokens"), "embeddings have no output tokens")
		}
	case o.Tokens < 0:
		r.fail(at("tokens"), "output tokens %d must be at least 1", o.Tokens)
	case s.Output.Mode == Natural && o.Tokens != 0:
		r.fail(at("tokens"), "mode natural sets no length: leave tokens out, or use mode exact or cap")
	case s.Output.Mode != Natural && o.Tokens == 0:
		s.Output.Tokens = defaultOutputTokens
	}
}

func (r *resolver) checkStage(d draft, s Stage) {
	at := func(key string) string { return d.place(key, r.spec.node) }
	if s.Requests < 0 {
		r.fail(at("load.requests"), "requests %d must be at least 1", s.Requests)
	}
	if s.Warmup.Requests < 0 {
		r.fail(at("load.warmup.requests"), "warm-up requests %d must not be negative", s.Warmup.Requests)
	}
	if s.Stream && s.API == Embeddings {
		r.fail(at("workload.stream"), "embeddings do not stream: set stream: false")
	}
	if s.BatchMode == OneRequest && s.API == Chat {
		r.fail(at("load.batch.mode"), "a chat request carries one conversation: use mode concurrent, or api completions or embeddings")
	}
	if t := s.Temperature; t != nil && (*t < 0 || *t > 2) {
		r.fail(at("workload.temperature"), "temperature %v is outside 0 to 2", *t)
	}
	if d.load.Closed != nil && d.load.Open != nil {
		r.fail(at("load.open"), "load has both closed and open: leave one")
	}
}

// multiply makes one stage for each combination of the draft's lists.
func (r *resolver) multiply(d draft, base Stage) []Stage {
	sizes := d.load.Batch.Size
	if len(sizes) == 0 {
		sizes = []int{1}
	}
	var out []Stage
	for _, s := range r.loads(d, base) {
		for i, size := range sizes {
			if size < 1 || size > 4096 {
				r.fail(d.place(fmt.Sprintf("load.batch.size[%d]", i), r.spec.node), "batch size %d is outside 1 to 4096", size)
				continue
			}
			s := s
			s.BatchSize = size
			if len(sizes) > 1 || size > 1 {
				s.Name += ",batch=" + strconv.Itoa(size)
			}
			out = append(out, s)
		}
	}
	return nameStages(d.name, out)
}

// nameStages gives an entry's own name to its only stage, and puts it before the combination's where there are more.
func nameStages(name string, stages []Stage) []Stage {
	if name == "" {
		return stages
	}
	for i := range stages {
		if len(stages) == 1 {
			stages[i].Name = name
		} else {
			stages[i].Name = name + "/" + stages[i].Name
		}
	}
	return stages
}

func (r *resolver) loads(d draft, base Stage) []Stage {
	var out []Stage
	if d.load.Open != nil {
		return r.openLoads(d, base)
	}
	levels := []int{1}
	if d.load.Closed != nil && len(d.load.Closed.Concurrency) > 0 {
		levels = d.load.Closed.Concurrency
	}
	for i, c := range levels {
		if c < 1 || c > maxConcurrency {
			at := d.place(fmt.Sprintf("load.closed.concurrency[%d]", i), r.spec.node)
			r.fail(at, "concurrency %d is outside 1 to %d", c, maxConcurrency)
			continue
		}
		s := base
		s.Name, s.Concurrency = "c="+strconv.Itoa(c), c
		out = append(out, s)
	}
	return out
}

func (r *resolver) openLoads(d draft, base Stage) []Stage {
	o := d.load.Open
	at := func(key string) string { return d.place("load.open."+key, r.spec.node) }
	if len(o.Rate) == 0 {
		r.fail(at("rate"), "open load needs a rate: write rate: 5/s")
	}
	if o.MaxInFlight < 0 || o.MaxInFlight > maxConcurrency {
		r.fail(at("max_in_flight"), "max_in_flight %d is outside 1 to %d", o.MaxInFlight, maxConcurrency)
	}
	if o.WhenFull != "" && o.WhenFull != "queue" {
		r.fail(at("when_full"), "when_full %q: only queue is known; a request is never skipped", o.WhenFull)
	}
	var out []Stage
	for _, rate := range o.Rate {
		if rate <= 0 {
			continue // reported where it was read
		}
		s := base
		s.Name, s.Rate, s.Arrivals, s.MaxInFlight = "rate="+rate.String(), rate, o.Arrivals, o.MaxInFlight
		fallback(&s.Arrivals, Poisson)
		if s.MaxInFlight == 0 {
			s.MaxInFlight = defaultMaxInFlight
		}
		out = append(out, s)
	}
	return out
}
