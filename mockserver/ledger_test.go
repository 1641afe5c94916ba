package mockserver_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

func TestTheLedgerHoldsPlanAndTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {max_num_seqs: 1, ttft: 50ms, itl: 5ms}\nprefix_cache: true")
		c := pipe(t, s)
		base := s.State().MonotonicNS
		for i, body := range []string{
			chat(20, `,"max_tokens":3,"stream":true`),
			chat(20, `,"max_tokens":2`),
		} {
			r, err := call(t.Context(), c, "http://h"+chatPath, body, "X-Request-Id", fmt.Sprint("id-", i))
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, r)
		}
		at := func(ds ...time.Duration) (ns []int64) {
			for _, d := range ds {
				ns = append(ns, base+int64(d))
			}
			return ns
		}
		want := []mockserver.Record{
			{
				N: 1, Seq: 1, RequestID: "id-0", ConfigVersion: 1, Path: chatPath, Model: "demo-8b", Stream: true,
				PromptTokens: 20, PlannedTokens: 3, ArrivedNS: base, AdmittedNS: base,
				PlannedNS: at(50*ms, 55*ms, 60*ms), WrittenNS: at(50*ms, 55*ms, 60*ms), DoneNS: base + int64(60*ms),
				Status: 200, Outcome: "done",
			},
			{
				N: 2, Seq: 2, RequestID: "id-1", ConfigVersion: 1, Path: chatPath, Model: "demo-8b",
				PromptTokens: 20, CachedTokens: 16, PlannedTokens: 2, ArrivedNS: base + int64(60*ms), AdmittedNS: base + int64(60*ms),
				PlannedNS: at(115 * ms), WrittenNS: at(115 * ms), DoneNS: base + int64(115*ms),
				Status: 200, Outcome: "done",
			},
		}
		got := s.Truth(0)
		for i := range want {
			if a, b := asJSON(t, got[i]), asJSON(t, want[i]); a != b {
				t.Errorf("record %d\ngot  %s\nwant %s", i, a, b)
			}
		}
		if later := s.Truth(1); len(later) != 1 || later[0].N != 2 {
			t.Errorf("since 1: %d records", len(later))
		}
		if none := s.Truth(2); len(none) != 0 {
			t.Errorf("since 2: %d records", len(none))
		}
	})
}

func TestALateWriteIsWrittenDownAsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "faults: [{name: slow, action: {at_token: 1, do: stall, for: 1s}}]")
		r, err := call(t.Context(), pipe(t, s), "http://h"+chatPath, chat(1, `,"max_tokens":2,"stream":true`))
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, r)
		rec := s.Truth(0)[0]
		if late := rec.WrittenNS[1] - rec.PlannedNS[1]; late != int64(time.Second) {
			t.Errorf("%v late", time.Duration(late))
		}
		if rec.Fault != "slow" {
			t.Errorf("fault %q", rec.Fault)
		}
	})
}

func TestEveryAttemptIsCountedAndLogged(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{when: {every: 4}, action: {status: 503}}]")
	bodies := []string{chat(1, ""), `{"model":`, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`, chat(1, `,"stream":true`)}
	for i := range 40 {
		post(s, chatPath, bodies[i%4])
	}
	post(s, "/v1/nothing", "{}") // no generation request
	counts := map[mockserver.Outcome]int{}
	for _, r := range s.Truth(0) {
		counts[r.Outcome]++
	}
	if st := s.State(); st.Attempts != 40 || st.Records != 40 || st.InFlight != 0 || st.RecordsDropped != 0 {
		t.Errorf("state %+v", st)
	}
	// A body that is not JSON reaches no fault: every fourth of the other 30.
	want := map[mockserver.Outcome]int{"done": 15, "rejected": 18, "fault": 7}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", counts, want)
	}
}

func TestTheLedgerKeepsTheNewestInMemoryAndAllInItsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "truth.jsonl")
	s := serve(t, "engine: {model: none}\ntruth: "+file)
	const n = 10_500
	for range n {
		post(s, completionsPath, `{"model":"demo-8b","prompt":"x","max_tokens":1}`)
	}
	recs := s.Truth(0)
	if len(recs) != 10_000 || recs[0].N != 501 || recs[9_999].N != n {
		t.Errorf("%d records, %d to %d", len(recs), recs[0].N, recs[len(recs)-1].N)
	}
	if st := s.State(); st.RecordsDropped != 500 || st.Records != n {
		t.Errorf("state %+v", st)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	next := serve(t, "engine: {model: none}\ntruth: "+file) // appends
	post(next, chatPath, chat(1, ""))
	if err := next.Close(); err != nil {
		t.Fatal(err)
	}
	all := readLedger(t, file)
	if len(all) != n+1 {
		t.Fatalf("the file holds %d records", len(all))
	}
	for i, r := range all {
		if r.N != int64(i%n+1) {
			t.Fatalf("line %d holds record %d", i+1, r.N)
		}
	}
}

func TestLongAnswersPushRecordsOutSooner(t *testing.T) {
	s := serve(t, "engine: {model: none}\nstream: {tokens_per_chunk: 1000}\nmodels: [{id: demo-8b, max_model_len: 200000}]")
	for range 12 { // each holds 200,000 stamps; 2 million are the bound
		post(s, chatPath, chat(1, `,"max_tokens":100000,"stream":true`))
	}
	if got := len(s.Truth(0)); got != 10 {
		t.Errorf("%d records in memory", got)
	}
	if got := s.Truth(11); len(got) != 1 || got[0].N != 12 {
		t.Errorf("since 11: %d records", len(got))
	}
}

func TestTheFileIsFlushedEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "truth.jsonl")
		s := serve(t, "engine: {model: none}\ntruth: "+file)
		for want := 1; want <= 3; want++ {
			post(s, chatPath, chat(1, ""))
			if got := len(readLedger(t, file)); got != want-1 {
				t.Errorf("%d records at once, want %d", got, want-1)
			}
			time.Sleep(time.Second) // virtual
			synctest.Wait()
			if got := len(readLedger(t, file)); got != want {
				t.Errorf("%d records after a second, want %d", got, want)
			}
		}
	})
}

func TestATruthFileThatCannotBeOpenedIsAnError(t *testing.T) {
	_, err := mockserver.New(mockserver.Config{Truth: mockserver.Truth{File: filepath.Join(t.TempDir(), "no", "truth.jsonl")}})
	if !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("got %v", err)
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if _, isPath := err.(*os.PathError); !ok || isPath {
			return err
		}
		err = u.Unwrap()
	}
}

func TestTimesAreInOrder(t *testing.T) {
	s := serve(t, "engine: {ttft: 2ms, itl: 1ms}")
	look(t, s, chat(1, `,"max_tokens":20,"stream":true`))
	r := s.Truth(0)[0]
	times := slices.Concat([]int64{r.ArrivedNS, r.AdmittedNS}, r.WrittenNS, []int64{r.DoneNS, s.State().MonotonicNS})
	if !slices.IsSorted(times) {
		t.Errorf("times %v", times)
	}
	for i := range r.WrittenNS {
		if r.WrittenNS[i] < r.PlannedNS[i] {
			t.Errorf("token %d was written %d ns before its plan", i, r.PlannedNS[i]-r.WrittenNS[i])
		}
	}
}

func readLedger(t *testing.T, file string) (recs []mockserver.Record) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var r mockserver.Record
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		recs = append(recs, r)
	}
	return recs
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Who is not in flight any more is among the records, at whatever moment one asks.
func TestAStateMissesNoRecord(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 1000 {
				post(s, "/v1/embeddings", `{"model":"demo-8b","input":"x","dimensions":1}`)
			}
		})
	}
	done := make(chan bool)
	go func() {
		all.Wait()
		close(done)
	}()
	missed := 0
	for {
		if st := s.State(); st.Records < st.Attempts-int64(st.InFlight) {
			missed++
		}
		select {
		case <-done:
			if missed > 0 {
				t.Errorf("%d states with attempts that have ended and are not among the records", missed)
			}
			return
		default:
		}
	}
}

// The file has all of a record that memory has no room for.
func TestARecordOverTheBoundKeepsNoStampsInMemory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "truth.jsonl")
	s := serve(t, "engine: {model: none}\nstream: {tokens_per_chunk: 1000}\nmodels: [{id: demo-8b, max_model_len: 2000000}]\ntruth: "+file)
	const tokens = 1_000_001
	for _, n := range []int{3, tokens, 2} {
		post(s, chatPath, chat(1, fmt.Sprintf(`,"max_tokens":%d,"stream":true`, n)))
	}
	var got []string
	for _, r := range s.Truth(0) {
		got = append(got, fmt.Sprint(r.PlannedTokens, len(r.PlannedNS), len(r.WrittenNS), r.StampsDropped))
	}
	if want := []string{"3 3 3 0", fmt.Sprint(tokens, 0, 0, tokens), "2 2 2 0"}; !slices.Equal(got, want) {
		t.Errorf("in memory %q, want %q", got, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r mockserver.Record
	if err := json.Unmarshal(bytes.Split(f, []byte("\n"))[1], &r); err != nil || len(r.WrittenNS) != tokens || r.StampsDropped != 0 {
		t.Errorf("in the file %d stamps, %d dropped: %v", len(r.WrittenNS), r.StampsDropped, err)
	}
}

func TestTheSameSeedGivesTheSameIDs(t *testing.T) {
	ids := func(seed int, between func(*mockserver.Server)) (all []string) {
		s := serve(t, fmt.Sprintf("engine: {model: none}\nseed: %d", seed))
		for range 5 {
			between(s)
			w := post(s, chatPath, chat(1, ""))
			all = append(all, w.Header().Get("X-Request-Id"))
		}
		for i, r := range s.Truth(0) {
			if r.RequestID != all[i] {
				t.Errorf("the ledger has %s, the client %s", r.RequestID, all[i])
			}
		}
		return all
	}
	nothing := func(*mockserver.Server) {}
	first := ids(1, nothing)
	if again := ids(1, func(s *mockserver.Server) { post(s, "/tokenize", `{"prompt":"x"}`) }); !slices.Equal(first, again) {
		t.Errorf("%v, then %v", first, again)
	}
	if other := ids(2, nothing); slices.Equal(first, other) || first[0] == first[1] {
		t.Errorf("%v, of another seed %v", first, other)
	}
}

func TestARequestsOwnNoneIsADecision(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{when: {every: 2}, action: {status: 500}}]")
	for _, own := range []string{"", " none ", "", "{status: 501}", "none"} {
		post(s, chatPath, chat(1, ""), "X-Mock-Fault", own)
	}
	var got []string
	for _, r := range s.Truth(0) {
		got = append(got, fmt.Sprintf("%d %s %s %s", r.Status, r.Outcome, r.Fault, r.Action))
	}
	want := []string{"200 done  ", "200 done header none", "500 fault faults[0] status 500", "501 fault header status 501", "200 done header none"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
