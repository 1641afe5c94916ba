package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

// draft is a stage entry before its lists are multiplied out. path is the entry's own place, empty for the scenario's.
type draft struct {
	root   strictyaml.Node
	path   string
	name   string
	works  []work // one, or those of a mix
	mixed  bool
	load   loadSpec
	faults strictyaml.Node
}

// stages goes on after a mistake, so that all are found; a plan with mistakes is never used.
func (r *resolver) stages() []Stage {
	var out []Stage
	seen := map[string]bool{}
	for _, d := range r.drafts() {
		if r.planned += d.combinations(); r.planned > maxStages {
			r.fail(d.self(), "more than %d stages: shorten the lists, whose lengths multiply", maxStages)
			break
		}
		for _, s := range r.multiply(d, r.baseStage(d)) {
			if seen[s.Name] {
				r.fail(d.self(), "two stages are named %q: a list must not repeat a value, and like entries of stages need names", s.Name)
			}
			seen[s.Name] = true
			s.ordinal = uint64(len(out))
			s = s.clone()
			s.sow(mix(r.spec.Seed, s.ordinal+1))
			r.checkWarmMix(d, &s)
			out = append(out, s)
		}
	}
	return out
}

// drafts lists the stage entries, each decoded over the scenario's own workload and load.
func (r *resolver) drafts() []draft {
	base := draft{root: r.spec.node, faults: r.spec.Faults}
	r.works(&base, stageSpec{})
	r.decode(r.spec.Load, &base.load)
	if n := len(r.spec.Stages); n > maxStages {
		r.fail("stages", "%d stages: at most %d", n, maxStages)
		return nil
	}
	if len(r.spec.Stages) == 0 || base.combinations() > maxStages {
		return []draft{base}
	}
	out := make([]draft, 0, len(r.spec.Stages))
	for i, e := range r.spec.Stages {
		out = append(out, r.entry(i, e))
	}
	return out
}

// entry decodes one entry of stages. The scenario's sections are read again, so that entries share no memory; their mistakes
// are known by now.
func (r *resolver) entry(i int, e stageSpec) draft {
	d := draft{root: r.spec.node, path: fmt.Sprintf("stages[%d].", i), name: e.Name, faults: r.spec.Faults}
	r.works(&d, e)
	_ = r.spec.Load.Decode(&d.load)
	override(&d.load, e.Load)
	r.decode(e.Load, &d.load)
	r.checkName(d.path+"name", e.Name)
	if !e.Faults.IsZero() {
		d.faults = e.Faults
		if r.spec.Target.Endpoint != nil && len(e.Faults.Items()) > 0 {
			r.fail(d.path+"faults", noFaults)
		}
	}
	return d
}

// override drops what an entry replaces as a whole: the load's mode, and its bounds.
func override(l *loadSpec, with strictyaml.Node) {
	if written(with, "open") {
		l.Closed, l.Sessions = nil, nil
	}
	if written(with, "closed") {
		l.Open, l.Sessions = nil, nil
	}
	if written(with, "sessions") {
		l.Open, l.Closed, l.Batch = nil, nil, batchSpec{}
	}
	if o, key := l.arriving(); o != nil && written(with, key+".arrivals") != written(with, key+".rate") {
		overrideRate(o, with.Get(key+".arrivals").Text())
	}
	if written(with, "requests") || written(with, "duration") {
		l.Requests, l.Duration = nil, nil
	}
}

// overrideRate drops a rate for arrivals that bring their own, and such arrivals for a rate.
func overrideRate(o *openSpec, arrivals string) {
	if p, err := parseProcess(arrivals); err == nil && !p.steady() {
		o.Rate = nil
	} else if p, err := parseProcess(string(o.Arrivals)); arrivals == "" && err == nil && !p.steady() {
		o.Arrivals = ""
	}
}

// written reports whether a key is there with a value.
func written(n strictyaml.Node, key string) bool {
	at := n.Get(key)
	return at.Kind() > strictyaml.Scalar || at.Text() != ""
}

// place finds where key is written: in the entry itself, else in the scenario.
func (d draft) place(key string) string {
	if d.path != "" && (!d.root.Get(d.path+key).IsZero() || d.root.Get(key).IsZero()) {
		return d.path + key
	}
	return key
}

// self is where the entry stands.
func (d draft) self() string {
	if d.path == "" {
		return "load"
	}
	return strings.TrimSuffix(d.path, ".")
}

// baseStage resolves all that the lists of a draft share.
func (r *resolver) baseStage(d draft) Stage {
	s := Stage{
		Name: d.name, BatchMode: d.load.Batch.Mode, Requests: orZero(d.load.Requests), Duration: orZero(d.load.Duration), Pause: d.load.Pause,
		Warmup: Warmup{d.load.Warmup.Requests, d.load.Warmup.Duration},
	}
	if !d.faults.IsZero() {
		s.Faults = &d.faults
	}
	fallback(&s.BatchMode, Concurrent)
	if d.load.Requests == nil && d.load.Duration == nil {
		s.Requests = defaultRequests
	}
	r.arrivals(d, &s)
	r.workloads(d, &s)
	r.sessions(d, &s)
	r.stop(d, &s)
	r.checkLoad(d, s)
	return s
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func fallback[T ~string](v *T, value T) {
	if *v == "" {
		*v = value
	}
}

// checkSecrets keeps the environment out of what plans print.
func (r *resolver) checkSecrets(path string) {
	if usesEnv(r.spec.node.Get(path)) {
		r.fail(path, "extra_body is written into results, so it takes no ${NAME}: secrets belong in api_key or headers")
	}
}

// usesEnv reports whether a subtree names a variable of the environment.
func usesEnv(n strictyaml.Node) (uses bool) {
	text, err := n.YAML() // as written, ${NAME} unexpanded
	if err != nil {
		return false
	}
	_, _ = strictyaml.Parse("", text, func(string) (string, bool) {
		uses = true
		return "", true
	})
	return uses
}

// clone copies what a stage points to.
func (s Stage) clone() Stage {
	s.Workload = s.Workload.clone()
	s.Mix = slices.Clone(s.Mix)
	for i := range s.Mix {
		s.Mix[i].Workload = s.Mix[i].Workload.clone()
	}
	s.Trace = clonePointer(s.Trace)
	if s.Faults = clonePointer(s.Faults); s.Sessions != nil {
		s.Sessions = clonePointer(s.Sessions)
		s.Sessions.Turns = *s.Sessions.Turns.clone()
	}
	return s
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// cloneAny copies the values that a YAML document can hold.
func cloneAny(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := maps.Clone(v)
		for key := range out {
			out[key] = cloneAny(out[key])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = cloneAny(v[i])
		}
		return out
	}
	return v
}
