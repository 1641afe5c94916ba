package scenarios_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/words"
	"github.com/llmload/llmload/scenarios"
)

// traces are those of the files that are load recorded elsewhere.
var traces = map[string]string{
	"azure.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:46.7805900,396,109\n" +
		"2023-11-16 18:15:47.1805901,879,55\n2023-11-16 18:15:48.1805900,91,16\n",
	"azure24.csv": "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2024-05-10 00:00:00.009930+00:00,2162,5\r\n2024-05-10 00:00:01.009930+00:00,2399,6\r\n",
	"burst.csv": "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n\n" +
		"45,ChatGPT,1087,0,1087,Conversation log\n118.5,GPT-4,417,276,693,API log\n",
	"burst2.csv": "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n9,a,1.2,ChatGPT,4,18,22,x\n7,b,3,ChatGPT,5,6,11,x\n",
	"mooncake.jsonl": `{"timestamp": 0, "input_length": 1100, "output_length": 500, "hash_ids": [0, 1, 2]}` + "\n\n" +
		`{"timestamp": 3000, "input_length": 1030, "output_length": 5, "hash_ids": [0, 1, 77]}` + "\n" +
		`{"timestamp": 3000, "input_length": 90, "output_length": 6, "hash_ids": [5]}` + "\n",
	"broken.csv":   "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6,374\n16.11.2023,a,-1\n2023-11-16 18:15:46.6,374,10000001\n2023-11-16 18:15:46.7,-3,1\n",
	"broken.trace": "{\"timestamp\": 1, \"input_length\": 3, \"output_length\": 4}\n{\"timestamp\": 1}\n{\"timestamp\": -1, \"input_length\": 3, \"output_length\": 4}\n{\"timestamp\": \"1\"}\n{\n",
	"heads.csv":    "when,in,out\n1,2,3\n",
	"one.csv":      "Timestamp,Request tokens,Response tokens\n5,3,4\n6,0,9\n",
}

// first tells each arrival of a trace by its time, its prompt's length and its answer's.
func first(s *scenarios.Stage, n int) string {
	var out []string
	for _, a := range take(s, n, 0) {
		r := s.Request(a.First, 1, 1)
		if n := words.Count(r.Texts[0]); n != r.Input {
			out = append(out, fmt.Sprintf("(%d words)", n))
		}
		out = append(out, fmt.Sprintf("%s%d %d>%d", phase(a), a.At.Microseconds(), r.Input, r.Tokens))
	}
	return strings.Join(out, ", ")
}

func TestTracesGiveArrivalsAndLengths(t *testing.T) {
	for _, c := range []struct{ sentence, scenario, want, plan string }{
		{
			"Azure, again from the start a mean gap behind its end", "load: {open: {arrivals: trace(azure.csv)}}",
			"m0 374>44, m100000 396>109, m500000 879>55, m1500000 91>16, t2000000 374>44, t2100000 396>109", "format: azure",
		},
		{"twice as fast", `load: {open: {arrivals: "trace(azure.csv, 2)"}}`, "m0 374>44, m50000 396>109, m250000 879>55, m750000 91>16, t1000000 374>44, t1050000 396>109", "requests: 4"},
		{"Azure with a zone", "load: {open: {arrivals: trace(azure24.csv)}}", "m0 2162>5, m1000000 2399>6, t2000000 2162>5, t3000000 2399>6, t4000000 2162>5, t5000000 2399>6", "format: azure"},
		{"BurstGPT, failures left out and counted", "load: {open: {arrivals: trace(burst.csv)}}", "m0 472>18, m113500000 417>276, t227000000 472>18, t340500000 417>276, t454000000 472>18, t567500000 417>276", "count: 2 skipped: 1"},
		{"BurstGPT with more columns, out of order", "load: {open: {arrivals: trace(burst2.csv)}}", "m0 5>6, m2000000 4>18, t4000000 5>6, t6000000 4>18, t8000000 5>6, t10000000 4>18", "count: 2"},
		{"Mooncake", "load: {open: {arrivals: trace(mooncake.jsonl)}}", "m0 1100>500, m3000000 1030>5, m3000000 90>6, t4500000 1100>500, t7500000 1030>5, t7500000 90>6", "format: mooncake"},
		{"the workload's lengths win", "workload: {prompts: {synthetic: {input_tokens: 9}}, output: {tokens: 3}}\nload: {open: {arrivals: trace(burst.csv)}, requests: 1}", "m0 9>3, t113500000 9>3, t227000000 9>3, t340500000 9>3, t454000000 9>3, t567500000 9>3", "source: synthetic"},
		{"natural answers have none", "workload: {output: {mode: natural}}\nload: {open: {arrivals: trace(burst.csv)}, requests: 1}", "m0 472>0, t113500000 417>0, t227000000 472>0, t340500000 417>0, t454000000 472>0, t567500000 417>0", "source: trace"},
		{"its head may be warm-up", "load: {open: {arrivals: trace(azure.csv)}, warmup: {duration: 100ms}}", "w0 374>44, m100000 396>109, m500000 879>55, m1500000 91>16, t2000000 374>44, t2100000 396>109", "requests: 3"},
		{"a duration may cut it", "load: {open: {arrivals: trace(azure.csv)}, duration: 200ms}", "m0 374>44, m100000 396>109, t500000 879>55, t1500000 91>16, t2000000 374>44, t2100000 396>109", "duration: 200ms"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			p := mustPlan(t, c.scenario)
			if got := first(&p.Stages[0], 6); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := strings.Join(strings.Fields(text(t, p)), " "); !strings.Contains(got, c.plan) {
				t.Errorf("no %q in %s", c.plan, got)
			}
		})
	}
}

func TestATraceCountsByItsContent(t *testing.T) {
	const src = `load: {open: {arrivals: "trace(%s)"}, requests: 2}`
	one := hash(t, mustPlan(t, fmt.Sprintf(src, "azure.csv")))
	if hash(t, mustPlan(t, fmt.Sprintf(src, "same-azure.csv"))) != one {
		t.Error("its name counts")
	}
	if hash(t, mustPlan(t, fmt.Sprintf(src, "azure24.csv"))) == one {
		t.Error("its content does not count")
	}
	if hash(t, mustPlan(t, fmt.Sprintf(src, "azure.csv, 2"))) == one {
		t.Error("its speed does not count")
	}
}

// FuzzTraces holds that no file makes the package panic, and that what it takes from one it can send in order.
func FuzzTraces(f *testing.F) {
	for _, body := range traces {
		f.Add(body, 1.5)
	}
	f.Fuzz(func(t *testing.T, body string, speed float64) {
		read := func(string) ([]byte, error) { return []byte(body), nil }
		src := fmt.Sprintf(`load: {open: {arrivals: "trace(x, %f)"}}`, speed)
		s, err := scenarios.Parse("f.yaml", []byte(src), nil, read)
		if err != nil {
			return
		}
		p, err := s.Plan()
		if err != nil {
			_ = err.Error()
			return
		}
		stage, last := &p.Stages[0], time.Duration(0)
		for _, a := range take(stage, 50, 0) {
			if _, n := stage.Tokens(a.First, 1); a.At < last || n < 1 {
				t.Fatalf("%+v after %v asks for %d tokens", a, last, n)
			}
			last = a.At
		}
		if r := stage.Request(0, 1, 1); r.Tokens < 10_000 && words.Count(r.Texts[0]) != r.Input {
			t.Fatalf("%d words of %d", words.Count(r.Texts[0]), r.Input)
		}
		if _, err := p.YAML(); err != nil {
			t.Fatal(err)
		}
	})
}

// Prompts with the same hash_ids have the same blocks of 512 words, in one run and one round of the trace; the last block
// may be short.
func TestPromptsShareTheBlocksOfTheirTrace(t *testing.T) {
	s := mustPlan(t, "load: {open: {arrivals: trace(mooncake.jsonl)}, requests: 9}").Stages[0]
	at := func(index int64, nonce uint64, from, to int) string {
		r := s.Request(index, 1, nonce)
		list, n := strings.Fields(r.Texts[0]), r.Input
		if len(list) != n || n != []int{1100, 1030, 90}[index%3] {
			t.Fatalf("prompt %d has %d words, %d tokens", index, len(list), n)
		}
		return strings.Join(list[from:min(to, n)], " ")
	}
	for _, c := range []struct {
		sentence  string
		one, two  string
		different bool
	}{
		{"two shared blocks", at(0, 1, 0, 1024), at(1, 1, 0, 1024), false},
		{"the third is another", at(0, 1, 1024, 1028), at(1, 1, 1024, 1028), true},
		{"so is a prompt of other blocks", at(0, 1, 0, 4), at(2, 1, 0, 4), true},
		{"so is the next round", at(0, 1, 0, 4), at(3, 1, 0, 4), true},
		{"which shares within itself", at(3, 1, 0, 1024), at(4, 1, 0, 1024), false},
		{"so is another run", at(0, 1, 0, 4), at(0, 2, 0, 4), true},
		{"in each of its blocks", at(0, 1, 512, 516), at(0, 2, 512, 516), true},
		{"the same is the same", at(0, 1, 0, 1100), at(0, 1, 0, 1100), false},
	} {
		if (c.one != c.two) != c.different {
			t.Errorf("%s: %.40q and %.40q", c.sentence, c.one, c.two)
		}
	}
	s = mustPlan(t, "workload: {prompts: {cache: cold}}\nload: {open: {arrivals: trace(mooncake.jsonl)}, requests: 9}").Stages[0]
	if at(0, 1, 0, 4) == at(1, 1, 0, 4) {
		t.Error("cold prompts share their first block")
	}
}
