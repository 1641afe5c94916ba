package scenarios

import (
	"fmt"
	"strconv"

	"github.com/llmload/llmload/internal/strictyaml"
)

// work is one workload of a stage entry as written. places are where its keys may stand, the one that wins first.
type work struct {
	root   strictyaml.Node
	places []string
	name   string
	weight float64
	spec   workloadSpec
}

// place finds where key is written.
func (w work) place(key string) string {
	for _, p := range w.places {
		if !w.root.Get(p + key).IsZero() {
			return p + key
		}
	}
	return w.places[0] + key
}

// self is where the workload stands.
func (w work) self() string { return w.places[0][:len(w.places[0])-1] }

// maxMix bounds a mix; with maxStages it bounds the work of a plan.
const maxMix = 100

// works decodes the workload of a stage entry over the scenario's, and the mix over both. The scenario's sections are read
// again for each, so that they share no memory; a mistake that is found twice is said once.
func (r *resolver) works(d *draft, e stageSpec) {
	base := work{root: d.root, places: []string{"workload."}}
	layers := []strictyaml.Node{r.spec.Workload}
	if d.path != "" {
		base.places = []string{d.path + "workload.", "workload."}
		layers = append(layers, e.Workload)
	}
	r.checkSecrets(base.places[0] + "extra_body")
	base.spec = r.layered(layers)
	list, at := r.spec.Mix, "mix"
	if !e.Mix.IsZero() {
		list, at = e.Mix, d.path+"mix"
	}
	var items []strictyaml.Node
	r.decode(list, &items)
	if len(items) > maxMix {
		r.fail(at, "%d workloads in a mix: at most %d", len(items), maxMix)
		items = nil
	}
	if d.works = []work{base}; len(items) == 0 {
		return
	}
	d.mixed, d.works = true, nil
	for i, item := range items {
		one := base
		one.places = append([]string{fmt.Sprintf("%s[%d].", at, i)}, base.places...)
		one.spec = r.layered(layers)
		r.entryOfMix(&one, i, item)
		d.works = append(d.works, one)
	}
	r.checkMixNames(d.works)
}

// layered decodes workloads one over the other.
func (r *resolver) layered(layers []strictyaml.Node) (w workloadSpec) {
	for _, layer := range layers {
		overrideWork(&w, layer)
		r.decode(layer, &w)
	}
	return w
}

func (r *resolver) entryOfMix(w *work, i int, item strictyaml.Node) {
	overrideWork(&w.spec, item)
	m := mixSpec{Work: w.spec}
	r.decode(item, &m)
	w.spec, w.name, w.weight = m.Work, m.Name, weight(m.Weight)
	if w.name == "" {
		w.name = strconv.Itoa(i + 1)
	}
	r.checkName(w.places[0]+"name", w.name)
	r.checkWeight(w.places[0]+"weight", m.Weight)
	r.checkSecrets(w.places[0] + "extra_body")
}

func (r *resolver) checkMixNames(works []work) {
	seen := map[string]bool{}
	for _, w := range works {
		if seen[w.name] {
			r.fail(w.self(), "two workloads of the mix are named %q", w.name)
		}
		seen[w.name] = true
	}
}

// sources are the keys of prompts that say where they come from.
var sources = [...]string{"synthetic", "text", "file", "sharegpt", "batch"}

// overrideWork drops what a workload replaces as a whole: the prompts' source, a length that its own mode has no use for,
// and all that embeddings cannot have.
func overrideWork(w *workloadSpec, with strictyaml.Node) {
	for _, source := range sources {
		if written(with, "prompts."+source) {
			w.Prompts = promptsSpec{Cache: w.Prompts.Cache}
		}
	}
	if with.Get("output.mode").Text() == string(Natural) || written(with, "prompts.batch") {
		w.Output.Tokens = nil
	}
	if with.Get("api").Text() == string(Embeddings) {
		w.Output, w.Stream = outputSpec{}, nil
	}
}

// workloads resolves those of a draft.
func (r *resolver) workloads(d draft, s *Stage) {
	for _, w := range d.works {
		one := r.workload(w, s)
		if one.Prompts.Cache == Warm && s.Warmup.Requests == 0 {
			s.Warmup.Requests = warmPool // without a warm-up the first round would be cold
		}
		s.Mix = append(s.Mix, Mixed{w.name, w.weight, one})
	}
	if len(d.works) == 0 {
		return
	}
	s.Workload = s.Mix[0].Workload
	if !d.mixed {
		s.Mix = nil
		return
	}
	if s.Trace != nil {
		r.fail(d.works[0].self(), "a trace says what each request is: leave mix out")
	}
	api := s.API
	for i := range s.Mix {
		if s.Mix[i].Stream != s.Stream {
			r.fail(d.works[i].place("stream"), "one workload of the mix streams and another does not: a stage's times to first token would be of some requests; use a stage for each")
		}
		if s.Mix[i].API != api {
			api = ""
		}
	}
	s.Workload = Workload{API: api, Stream: s.Stream}
}

// checkWarmMix refuses a warm workload that the warm-up never sends. It needs the stage's seed.
func (r *resolver) checkWarmMix(d draft, s *Stage) {
	const most = 100_000 // of requests looked at: one that is rarer would have few of the stage's, too
	for k := range s.Mix {
		if s.Mix[k].Prompts.Cache != Warm {
			continue
		}
		found := false
		for i := int64(0); i < int64(min(s.Warmup.Requests, most)) && !found; i++ {
			found = s.chosen(i) == k
		}
		if !found {
			r.fail(d.works[k].self(), "its prompts are to be warm, but none of the %d requests of the warm-up is of this workload: raise its weight or warmup.requests", s.Warmup.Requests)
		}
	}
}
