package mockserver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

const phased = `
engine: {ttft: 100ms, itl: 0s}
phases:
  - {at: 10s, set: {engine.ttft: 200ms}}
  - {at: 20s, set: {engine.ttft: 300ms, faults: [{name: down, when: {first: 1}, action: {status: 503}}]}}
  - {at: 20s, set: {engine.itl: 1ms}}
`

// After each time of the table a request is made; it has a time, or a fault.
func TestPhasesChangeTheConfigOnTheirTime(t *testing.T) {
	type step struct {
		at      time.Duration // from the start of the stage
		takes   time.Duration // a request of 2 tokens; 0: a fault
		version int64
	}
	stage := func(version int64) []step {
		return []step{
			{5 * time.Second, 100 * ms, version},
			{9999 * ms, 100 * ms, version},
			{12 * time.Second, 200 * ms, version + 1},
			{19 * time.Second, 200 * ms, version + 1},
			{21 * time.Second, 0, version + 3},
			{22 * time.Second, 301 * ms, version + 3},
			{time.Hour, 301 * ms, version + 3},
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, phased)
		c := pipe(t, s)
		run := func(name string, steps []step) {
			begin := time.Now()
			for _, want := range steps {
				time.Sleep(time.Until(begin.Add(want.at))) // virtual
				start := time.Now()
				r, err := call(t.Context(), c, "http://h"+chatPath, chat(1, `,"max_tokens":2`))
				if err != nil {
					t.Fatal(err)
				}
				readAll(t, r)
				recs := s.Truth(0)
				rec := recs[len(recs)-1]
				if took := time.Since(start); took != want.takes || rec.ConfigVersion != want.version || (rec.Fault == "down") != (want.takes == 0) {
					t.Errorf("%s at %v: took %v under version %d with fault %q, want %+v", name, want.at, took, rec.ConfigVersion, rec.Fault, want)
				}
			}
		}
		run("before any stage", stage(1))
		begin := func(name string) {
			if _, err := s.BeginStage(name, nil); err != nil {
				t.Fatal(err)
			}
		}
		begin("one")
		run("stage one", stage(5))
		begin("two")
		run("a stage cut short", stage(9)[:3])
		begin("three")
		run("stage three", stage(11))
	})
}

func TestAPhaseAtZeroHoldsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {ttft: 100ms}\nphases: [{at: 0s, set: {engine.ttft: 7ms}}]")
		if took := timeOf(t, s, 1); took != 7*ms {
			t.Errorf("took %v", took)
		}
	})
}

func TestAPhaseChangesStreamsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: step, c0: 10ms}\nphases: [{at: 55ms, set: {engine.c0: 20ms}}]")
		// Six steps of 10 ms began before the phase; four of 20 ms come after.
		if took := timeOf(t, s, 10); took != 140*ms {
			t.Errorf("took %v", took)
		}
	})
}

func TestAClosedServerHasNoMorePhases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, phased)
		time.Sleep(11 * time.Second) // virtual
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.State().ConfigVersion; got != 2 {
			t.Errorf("version %d", got)
		}
		if _, err := s.BeginStage("late", nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := s.State().ConfigVersion; got != 3 { // the config of the start is back, and that is all
			t.Errorf("version %d in a stage of a closed server", got)
		}
	})
}

func TestALiveChangeThatDoesNotGoWithAPhaseToComeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: step, c0: 10ms}\nphases: [{at: 10s, set: {engine.max_batched_tokens: 100}}, {at: 20s, set: {engine.c0: 5ms}}]")
		w := patch(s, "{engine.max_num_seqs: 200}")
		if got := w.Body.String(); w.Code != 400 || !strings.Contains(got, "a phase to come does not go with this change: mockserver: phases[0].set:1:28: engine.max_batched_tokens") {
			t.Errorf("%d %s", w.Code, got)
		}
		if w := patch(s, "{engine.max_num_seqs: 90, engine.c0: 7ms}"); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		time.Sleep(15 * time.Second) // virtual
		synctest.Wait()
		if _, cfg := shown(t, s); cfg.Engine.C0 != 7*ms || cfg.Engine.MaxNumSeqs != 90 || cfg.Engine.MaxBatchedTokens != 100 {
			t.Errorf("engine %+v", cfg.Engine)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if version, cfg := shown(t, s); version != 4 || cfg.Engine.C0 != 5*ms || cfg.Engine.MaxNumSeqs != 90 {
			t.Errorf("version %d, engine %+v", version, cfg.Engine)
		}
	})
}

func TestPhasesOfGoCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := map[string]any{"engine.ttft": 30 * ms, "stream.tokens_per_chunk": 2, "output": map[string]any{"natural": 9}}
		cfg := mockserver.Config{Phases: []mockserver.Phase{{At: time.Second, Set: set}}}
		s, err := mockserver.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		clear(set) // New has copied it
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, cfg := shown(t, s); cfg.Engine.TTFT != 30*ms || cfg.Stream.TokensPerChunk != 2 || cfg.Output.Natural.Mean != 9 {
			t.Errorf("config %+v", cfg)
		}
	})
	_, err := mockserver.New(mockserver.Config{Phases: []mockserver.Phase{
		{At: 2 * time.Second, Set: map[string]any{"engine.ttft": 7}}, {At: time.Second}, {Set: map[string]any{"x": make(chan int)}},
	}})
	for _, want := range []string{
		"mockserver: phases[0].set:1:14: a duration needs a unit", "mockserver: phases[1].at: is before the phase above it (2s)",
		"mockserver: phases[1]: write set: what changes", "cannot write a chan",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

func TestEveryErrorOfPhasesComesAtOnceWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"the order", "phases:\n- {at: 2s, set: {engine.ttft: 1s}}\n- {at: 1s, set: {engine.ttft: 2s}}", []string{"3:8: is before the phase above it (2s): write phases in order of time"}},
		{"keys", "phases:\n- {a: 2s, set: {engine.ttf: 1s}}\n- {at: 1s}", []string{
			`2:4: unknown key "a"`, `2:29: unknown key "engine.ttf": did you mean "engine.ttft"?`, "3:3: write set: what changes",
		}},
		{"values, of a phase and of the config", "output: {natural: -1}\nphases:\n- {at: 2, set: {engine.ttft: 1}}\n- {at: 3s, set: {seed: 7, stream: {tokens_per_chunk: 0}}}", []string{
			"1:19: must not be negative", "3:8: a duration needs a unit", "3:30: a duration needs a unit",
			"4:24: seed: cannot be changed while the server runs", "4:54: stream.tokens_per_chunk: must be 1 to 1024",
		}},
		{"too many", "phases:" + strings.Repeat("\n- {at: 1s, set: {seed: 7}}", 1001), []string{"1:1: at most 1000 phases, found 1001"}},
		{"one that does not go with an earlier", "engine: {model: step, c0: 1ms}\nphases:\n- {at: 1s, set: {engine.max_num_seqs: 200}}\n- {at: 2s, set: {engine.max_batched_tokens: 199}}", []string{
			"4:45: engine.max_batched_tokens: max_batched_tokens (199) must be at least max_num_seqs (200)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.src)
			checkErrors(t, err, c.want)
		})
	}
	if cfg, err := parse(phased); err != nil || fmt.Sprint(cfg.Phases[0]) != "{10s map[engine.ttft:200ms]}" {
		t.Errorf("%v, %v", cfg.Phases, err)
	}
}
