package scenarios_test

import (
	"slices"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/words"
	"github.com/llmload/llmload/scenarios"
)

// FuzzPlan holds that no scenario makes the package panic or hang, that mistakes are said the same way by both steps, and
// that a plan without mistakes can be written, hashed and walked.
func FuzzPlan(f *testing.F) {
	f.Add(full)
	_, table := mistakes(f)
	for _, m := range table {
		f.Add(m.src)
	}
	for _, src := range docScenarios(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		s, err := scenarios.Parse("f.yaml", []byte(src), env, open)
		if err != nil {
			return
		}
		p, err := s.Plan()
		if err != nil {
			return
		}
		if len(p.Stages) == 0 {
			t.Error("a plan without a stage")
		}
		if _, err := p.YAML(); err != nil {
			t.Log(err) // faults may name a variable that is not set; the mock's own check says where
		}
		for i := range p.Stages[:min(len(p.Stages), 10)] {
			walk(t, &p.Stages[i])
		}
	})
}

// walk takes a stage's first 100 arrivals, and its prompts where they are short.
func walk(t *testing.T, s *scenarios.Stage) {
	t.Helper()
	var last scenarios.Arrival
	for _, a := range take(s, 100, time.Millisecond) {
		if a.At < last.At || a.Size < 1 || a.Size > s.BatchSize && s.Sessions == nil || a.Size > 4096 {
			t.Fatalf("%+v after %+v", a, last)
		}
		last = a
		if slices.ContainsFunc(s.Workloads(), long) {
			continue
		}
		r := s.Request(a.First, 1, 1)
		for _, text := range r.Texts {
			if text == "" || r.Input > 0 && words.Count(text) != r.Input {
				t.Fatalf("prompt of %d tokens: %q", r.Input, text)
			}
		}
		if len(r.Texts) == 0 && len(r.Extra) == 0 {
			t.Fatal("a request of nothing")
		}
	}
}

// long says that a workload's prompts take long to make.
func long(w *scenarios.Workload) bool {
	for _, l := range []*scenarios.Lengths{w.Prompts.InputTokens, w.Prompts.Words} {
		if l != nil && (max(l.Mean, l.Stddev, l.Min, l.Max) > 1000 || len(l.Values) > 0) {
			return true
		}
	}
	return false
}

// FuzzPromptFiles holds that no file of prompts makes the package panic, and that what it takes from one it sends.
func FuzzPromptFiles(f *testing.F) {
	for _, body := range files {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		read := func(string) ([]byte, error) { return []byte(body), nil }
		for _, source := range []string{"file", "sharegpt"} {
			s, err := scenarios.Parse("f.yaml", []byte("workload: {prompts: {"+source+": x, cache: warm}}"), nil, read)
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.Plan()
			if err != nil {
				_ = err.Error()
				continue
			}
			if text, _ := prompt(&p.Stages[0], 0, 0); text == "" || p.Stages[0].Prompts.Count < 1 {
				t.Errorf("%s: %d prompts, the first %q", source, p.Stages[0].Prompts.Count, text)
			}
		}
	})
}

// docScenarios are the YAML blocks of the manual.
func docScenarios(t testing.TB) []string {
	t.Helper()
	return blocks(manual(t), "yaml")
}
