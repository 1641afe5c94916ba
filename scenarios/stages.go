package scenarios

import (
	"fmt"
	"maps"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

// draft is a stage entry before its lists are multiplied out. path is the entry's own place, empty for the scenario's.
type draft struct {
	root     strictyaml.Node
	path     string
	name     string
	workload workloadSpec
	load     loadSpec
	faults   strictyaml.Node
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
			s.seed = mix(r.spec.Seed, s.ordinal+1)
			out = append(out, s.clone())
		}
	}
	return out
}

// drafts lists the stage entries, each decoded over the scenario's own workload and load.
func (r *resolver) drafts() []draft {
	base := draft{root: r.spec.node, faults: r.spec.Faults}
	r.decode(r.spec.Workload, &base.workload)
	r.decode(r.spec.Load, &base.load)
	r.checkSecrets("workload.extra_body")
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
	_ = r.spec.Workload.Decode(&d.workload)
	_ = r.spec.Load.Decode(&d.load)
	override(&d, e)
	r.decode(e.Workload, &d.workload)
	r.decode(e.Load, &d.load)
	r.checkName(d.path+"name", e.Name)
	r.checkSecrets(d.path + "workload.extra_body")
	if !e.Faults.IsZero() {
		d.faults = e.Faults
		if r.spec.Target.Endpoint != nil && len(e.Faults.Items()) > 0 {
			r.fail(d.path+"faults", noFaults)
		}
	}
	return d
}

// override drops what an entry replaces as a whole: the load's mode, its bounds, the prompts' source, a length that the
// entry's own mode has no use for, and all that embeddings cannot have.
func override(d *draft, e stageSpec) {
	if written(e.Load, "open") {
		d.load.Closed = nil
	}
	if written(e.Load, "closed") {
		d.load.Open = nil
	}
	if o := d.load.Open; o != nil && written(e.Load, "open.arrivals") != written(e.Load, "open.rate") {
		overrideRate(o, e.Load.Get("open.arrivals").Text())
	}
	if written(e.Load, "requests") || written(e.Load, "duration") {
		d.load.Requests, d.load.Duration = nil, nil
	}
	for _, source := range []string{"synthetic", "file", "sharegpt"} {
		if written(e.Workload, "prompts."+source) {
			d.workload.Prompts = promptsSpec{Cache: d.workload.Prompts.Cache}
		}
	}
	if e.Workload.Get("output.mode").Text() == string(Natural) {
		d.workload.Output.Tokens = nil
	}
	if e.Workload.Get("api").Text() == string(Embeddings) {
		d.workload.Output, d.workload.Stream = outputSpec{}, nil
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
		Name: d.name, API: d.workload.API, Temperature: d.workload.Temperature, ExtraBody: d.workload.ExtraBody,
		BatchMode: d.load.Batch.Mode, Requests: orZero(d.load.Requests), Duration: orZero(d.load.Duration), Pause: d.load.Pause,
		Warmup: Warmup{d.load.Warmup.Requests, d.load.Warmup.Duration},
	}
	if !d.faults.IsZero() {
		s.Faults = &d.faults
	}
	fallback(&s.API, Chat)
	fallback(&s.BatchMode, Concurrent)
	s.Stream = s.API != Embeddings
	if d.workload.Stream != nil {
		s.Stream = *d.workload.Stream
	}
	if d.load.Requests == nil && d.load.Duration == nil {
		s.Requests = defaultRequests
	}
	r.arrivals(d, &s)
	r.prompts(d, &s)
	r.stop(d, &s)
	r.output(d, &s)
	r.checkWorkload(d, s)
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

func (r *resolver) output(d draft, s *Stage) {
	o := d.workload.Output
	s.Output = Output{Tokens: orZero(o.Tokens), Mode: o.Mode}
	fallback(&s.Output.Mode, Exact)
	at := d.place("workload.output.tokens")
	switch {
	case s.API == Embeddings:
		s.Output = Output{Mode: Natural}
		if o.Tokens != nil {
			r.fail(at, "embeddings have no output tokens: leave tokens out")
		}
	case s.Output.Mode == Natural && o.Tokens != nil:
		r.fail(at, "mode natural sets no length: leave tokens out, or use mode exact or cap")
	case o.Tokens != nil:
		r.inRange(at, "output tokens", *o.Tokens, 1, maxTokens)
	case s.Output.Mode != Natural && s.Trace == nil:
		s.Output.Tokens = defaultOutputTokens
	}
}

// ownFields are those of the body that a stage decides; the answer would not be read rightly with others.
var ownFields = [...]string{"model", "messages", "prompt", "input", "stream"}

func (r *resolver) checkWorkload(d draft, s Stage) {
	if s.Stream && s.API == Embeddings {
		r.fail(d.place("workload.stream"), "embeddings do not stream: set stream: false")
	}
	if t := s.Temperature; t != nil && (*t < 0 || *t > 2) {
		r.fail(d.place("workload.temperature"), "temperature %v is outside 0 to 2", *t)
	}
	for _, key := range ownFields {
		if _, ok := s.ExtraBody[key]; ok {
			r.fail(d.place("workload.extra_body["+key+"]"), "extra_body must not set %q, which comes from the scenario's other keys", key)
		}
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
	s.Temperature = clonePointer(s.Temperature)
	s.Prompts.InputTokens = clonePointer(s.Prompts.InputTokens)
	s.Faults = clonePointer(s.Faults)
	s.Trace = clonePointer(s.Trace)
	if s.ExtraBody != nil {
		s.ExtraBody, _ = cloneAny(s.ExtraBody).(map[string]any)
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
