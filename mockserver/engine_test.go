package mockserver_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/mockserver/engine"
)

func TestWhatFitsIntoNoMemoryIsRefusedAndNotQueued(t *testing.T) {
	s := serve(t, "engine: {model: step, c0: 1ms, kv_tokens: 100}")
	w := post(s, chatPath, chat(90, `,"max_tokens":11`))
	var got struct {
		Error struct{ Message, Type, Param, Code string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 400 || got.Error.Type != "invalid_request_error" ||
		got.Error.Code != "context_length_exceeded" || got.Error.Param != "messages" ||
		!strings.Contains(got.Error.Message, "90 tokens of prompt and 11 of completion do not fit into the server's KV memory of 100") {
		t.Errorf("%d, %v: %s", w.Code, err, w.Body)
	}
	if w := post(s, chatPath, chat(90, `,"max_tokens":10`)); w.Code != 200 {
		t.Errorf("what fits is answered with %d: %s", w.Code, w.Body)
	}
}

// replay runs what the ledger says came through an engine in virtual time, and
// returns for each record when it makes its tokens.
func replay(t *testing.T, e engine.Engine, truth []mockserver.Record) map[int64][]int64 {
	slices.SortFunc(truth, func(a, b mockserver.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	base := truth[0].ArrivedNS
	var arrivals []engine.Arrival
	for _, r := range truth {
		arrivals = append(arrivals, engine.Arrival{
			At: time.Duration(r.ArrivedNS - base), Seq: &engine.Seq{In: r.PromptTokens, Out: r.PlannedTokens},
		})
	}
	if err := engine.Run(e, arrivals, time.Hour); err != nil {
		t.Fatal(err)
	}
	out := map[int64][]int64{}
	for i, r := range truth {
		for j := range r.PlannedTokens {
			due, _ := arrivals[i].Seq.Due(j)
			out[r.Seq] = append(out[r.Seq], base+due.Nanoseconds())
		}
	}
	return out
}

// load sends n streams, a time apart, of lengths of their own.
func load(t *testing.T, c *http.Client, url string, n int, apart time.Duration) {
	var wg sync.WaitGroup
	for i := range n {
		body := chat(20+i*13%90, fmt.Sprintf(`,"stream":true,"max_tokens":%d`, 8+i*7%11))
		wg.Go(func() {
			r, err := call(t.Context(), c, url+chatPath, body)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			r.Body.Close()
		})
		time.Sleep(apart) // an arrival process, not a wait for something
	}
	wg.Wait()
}

// virtual is the engine of a config, in virtual time.
func virtual(t *testing.T, src string) engine.Engine {
	cfg, err := parse(src)
	if err != nil {
		t.Fatal(err)
	}
	v, err := mockserver.NewVirtual(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v.Engine
}

func TestTheServerPlansAsItsEngineDoesInVirtualTime(t *testing.T) {
	for _, src := range []string{
		"engine: {model: step, c0: 6ms, prefill_per_token: 100us, decode_per_seq: 200us, kv_per_token: 1us, max_num_seqs: 8, kv_tokens: 500, jitter: {cv: 0.2}}\nseed: 3",
		"engine: {model: fixed, ttft: 50ms, itl: 7ms, max_num_seqs: 4, stagger: 3ms, jitter: {cv: 0.2}}\nseed: 3",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, src)
			load(t, pipe(t, s), "http://h", 60, 11*ms+1)
			truth := s.Truth(0)
			want := replay(t, virtual(t, src), truth)
			for _, r := range truth {
				if !slices.Equal(r.PlannedNS, want[r.Seq]) {
					t.Fatalf("attempt %d was planned for %v, in virtual time %v", r.Seq, r.PlannedNS, want[r.Seq])
				}
			}
		})
	}
}

// In real time a request reaches the engine a moment after its arrival is
// stamped, and may miss a step for that.
func TestInRealTimeTheServerIsWithinThreePercentOfItsVirtualSelf(t *testing.T) {
	const src = "engine: {model: step, c0: 25ms, prefill_per_token: 50us, decode_per_seq: 500us, kv_per_token: 10us, max_num_seqs: 12}"
	s := serve(t, src)
	srv := httptest.NewServer(s)
	defer srv.Close()
	load(t, srv.Client(), srv.URL, 60, 17*ms)
	truth := s.Truth(0)
	want := replay(t, virtual(t, src), truth)
	var took, virtual int64 // from arrival to last token
	for _, r := range truth {
		took += r.PlannedNS[len(r.PlannedNS)-1] - r.ArrivedNS
		virtual += want[r.Seq][r.PlannedTokens-1] - r.ArrivedNS
	}
	off := float64(took)/float64(virtual) - 1
	t.Logf("%d answers took %v on the mean, %+.3f%% off the virtual time", len(truth), time.Duration(took/int64(len(truth))), 100*off)
	if math.Abs(off) > 0.03 {
		t.Errorf("answers took %+.2f%% of their virtual time", 100*off)
	}
}

func TestASpeculatedBurstIsOneChunk(t *testing.T) {
	s := serve(t, "seed: 5\nengine: {model: step, c0: 1ms, speculative: {tokens: 4, acceptance: 0.7}}")
	w := post(s, chatPath, chat(3, `,"stream":true,"max_tokens":2000`))
	var sizes []int
	for _, e := range events(w.Body.Bytes()) {
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if json.Unmarshal([]byte(e), &chunk) == nil && len(chunk.Choices) == 1 && chunk.Choices[0].Delta.Content != "" {
			sizes = append(sizes, len(strings.Fields(chunk.Choices[0].Delta.Content)))
		}
	}
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	// A step makes 1 + 0.7 + 0.7^2 + 0.7^3 + 0.7^4 = 2.773 tokens on the mean.
	if mean := float64(sum-1) / float64(len(sizes)-1); sum != 2000 || sizes[0] != 1 || math.Abs(mean/2.773-1) > 0.06 || slices.Max(sizes) != 5 {
		t.Errorf("%d tokens in %d chunks, %.3f each: %v", sum, len(sizes), mean, sizes[:20])
	}
	planned := s.Truth(0)[0].PlannedNS
	if planned[0] == planned[1] || planned[1] != planned[sizes[1]] || planned[sizes[1]] == planned[sizes[1]+1] {
		t.Errorf("the first bursts are of %v, their times %v", sizes[:3], planned[:10])
	}
	again := post(s, chatPath, chat(3, `,"stream":true,"max_tokens":2000`))
	if len(events(again.Body.Bytes())) != len(events(w.Body.Bytes())) {
		t.Error("the same request has other bursts")
	}
}

func TestNotANumberIsRefused(t *testing.T) {
	e := mockserver.Engine{Model: "fixed"}
	e.Speculative.Tokens, e.Speculative.Acceptance = 1, math.NaN()
	e.Jitter.CV = math.NaN()
	_, err := mockserver.New(mockserver.Config{Engine: e})
	want := "mockserver: engine.speculative.acceptance: must be between 0 and 1, for example 0.7\n" +
		"mockserver: engine.jitter.cv: must be 0 to 5, for example 0.1"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
