package mockserver_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// seeded is a server whose every draw takes part: jitter, bursts, lengths, calls
// of tools, and faults at random that end, spoil and delay answers.
const seeded = `
seed: %d
prefix_cache: true
engine: {model: step, c0: 6ms, prefill_per_token: 100us, decode_per_seq: 200us, kv_per_token: 1us, max_num_seqs: 8, max_queue: 4, kv_tokens: 2000,
  jitter: {cv: 0.3}, speculative: {tokens: 3, acceptance: 0.6}}
output: {natural: {mean: 30, cv: 0.5}, reasoning: 3, tool_calls: 0.3}
rate_limit: {rpm: 200}
faults:
- {name: down, when: {probability: 0.1}, action: {status: 503}}
- {name: cut, when: {probability: 0.1}, action: {do: reset, at_token: 5}}
- {name: slow, when: {probability: 0.2}, action: {do: stall, at_token: 3, for: 300ms}}
`

// run is the ledger of a seeded load in a bubble, as JSON lines in order of
// arrival. Times count from the server's start. What ends at the same instant
// ends in no order, so n is left out.
func run(t *testing.T, seed int) (ledger []byte) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, fmt.Sprintf(seeded, seed))
		start := s.State().MonotonicNS
		c := pipe(t, s)
		for _, stage := range []string{"calm", "rush"} {
			if _, err := s.BeginStage(stage, nil); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for i := range 150 {
				body := chat(20+i*13%90, fmt.Sprintf(`,"stream":%v,%s`, i%5 > 0, twoTools))
				wg.Go(func() {
					r, err := call(t.Context(), c, "http://h"+chatPath, body, "X-Request-Id", fmt.Sprint(stage, i))
					if err == nil {
						_, _ = io.Copy(io.Discard, r.Body) // a fault may end it
						r.Body.Close()
					}
				})
				time.Sleep(map[string]time.Duration{"calm": 90 * ms, "rush": 11 * ms}[stage]) // an arrival process
			}
			wg.Wait()
		}
		ledger = lines(t, s.Truth(0), start)
	})
	return ledger
}

func lines(t *testing.T, truth []mockserver.Record, start int64) []byte {
	t.Helper()
	slices.SortFunc(truth, func(a, b mockserver.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	var out bytes.Buffer
	for _, r := range truth {
		r.N = 0
		for _, at := range []*int64{&r.ArrivedNS, &r.AdmittedNS, &r.DoneNS} {
			if *at != 0 {
				*at -= start
			}
		}
		for _, list := range [][]int64{r.PlannedNS, r.WrittenNS} {
			for i := range list {
				list[i] -= start
			}
		}
		if err := json.NewEncoder(&out).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func TestTheSameSeedMakesTheSameLedgerByteForByte(t *testing.T) {
	one, two := run(t, 7), run(t, 7)
	for i, line := range bytes.Split(one, []byte("\n")) {
		if other := bytes.Split(two, []byte("\n")); i >= len(other) || !bytes.Equal(line, other[i]) {
			t.Fatalf("line %d is\n%s\nthen\n%s", i+1, line, other[min(i, len(other)-1)])
		}
	}
	for _, part := range []string{`"fault":"down"`, `"fault":"cut"`, `"fault":"slow"`, `"outcome":"done"`, `"status":429`, `"status":503,"outcome":"rejected"`} {
		if !bytes.Contains(one, []byte(part)) {
			t.Errorf("the load has no record with %s", part)
		}
	}
	if bytes.Equal(one, run(t, 8)) {
		t.Error("another seed has the same ledger")
	}
}
