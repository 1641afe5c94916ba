package mockserver_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

// arrivals reads a stream and returns when each event with text came, since start.
func arrivals(t *testing.T, body io.Reader, start time.Time) (at []time.Duration) {
	t.Helper()
	sc := bufio.NewScanner(body)
	for sc.Scan() {
		if strings.Contains(sc.Text(), `"content":`) || strings.Contains(sc.Text(), `"text":" `) {
			at = append(at, time.Since(start))
		}
	}
	if err := sc.Err(); err != nil {
		t.Error(err)
	}
	return at
}

func TestEveryTokenComesExactlyOnItsPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {ttft: 200ms, itl: 7ms}")
		c := pipe(t, s)
		start := time.Now()
		r, err := call(t.Context(), c, "http://h"+chatPath, chat(5, `,"max_tokens":1000,"stream":true`))
		if err != nil {
			t.Fatal(err)
		}
		got := arrivals(t, r.Body, start)
		if len(got) != 1000 {
			t.Fatalf("%d tokens", len(got))
		}
		for i, at := range got {
			if want := 200*ms + time.Duration(i)*7*ms; at != want {
				t.Fatalf("token %d came at %v, want %v", i, at, want)
			}
		}
	})
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		name, config, body string
		want               []time.Duration
	}{
		{"a plain answer comes with its last token", "", chat(5, `,"max_tokens":4`), []time.Duration{260 * ms}},
		{
			"a chunk of three tokens comes with its third", "stream: {tokens_per_chunk: 3}",
			chat(5, `,"max_tokens":7,"stream":true`),
			[]time.Duration{240 * ms, 300 * ms, 320 * ms},
		},
		{
			"an early role comes at once", "stream: {role_chunk: early}",
			chat(5, `,"max_tokens":2,"stream":true`),
			[]time.Duration{0, 200 * ms, 220 * ms},
		},
		{
			"and before a prompt of three steps is computed", "stream: {role_chunk: early}\nengine: {model: step, c0: 10ms, max_num_seqs: 4, max_batched_tokens: 5}",
			chat(15, `,"max_tokens":2,"stream":true`),
			[]time.Duration{0, 30 * ms, 40 * ms},
		},
		{"engine none answers at once", "engine: {model: none}", chat(5, `,"max_tokens":2,"stream":true`), []time.Duration{0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := pipe(t, serve(t, c.config))
				start := time.Now()
				r, err := call(t.Context(), client, "http://h"+chatPath, c.body)
				if err != nil {
					t.Fatal(err)
				}
				if got := arrivals(t, r.Body, start); !slices.Equal(got, c.want) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

func TestWaitersAreServedInOrderAndBeyondTheQueueRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// An answer takes 200 + 4 * 20 = 280 ms.
		s := serve(t, "engine: {max_num_seqs: 2, max_queue: 3}")
		c := pipe(t, s)
		start := time.Now()
		done := make([]time.Duration, 6)
		var wg sync.WaitGroup
		for i := range done {
			wg.Go(func() {
				r, err := call(t.Context(), c, "http://h"+chatPath, chat(5, `,"max_tokens":5`))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
				if done[i] = time.Since(start); r.StatusCode != 200 {
					done[i] = -time.Duration(r.StatusCode)
				}
			})
			synctest.Wait()
			time.Sleep(ms) // virtual: arrivals 1 ms apart
		}
		synctest.Wait()
		if st := s.State(); st.InFlight != 5 || st.Queued != 3 || st.Attempts != 6 {
			t.Errorf("state %+v", st)
		}
		wg.Wait()
		want := []time.Duration{280 * ms, 281 * ms, 560 * ms, 561 * ms, 840 * ms, -503}
		if !slices.Equal(done, want) {
			t.Errorf("done at %v, want %v", done, want)
		}
	})
}

func TestPromptsOfOneRequestAreSequencesOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipe(t, serve(t, "engine: {max_num_seqs: 1, ttft: 100ms, itl: 10ms}"))
		start := time.Now()
		r, err := call(t.Context(), c, "http://h"+completionsPath,
			`{"model":"demo-8b","prompt":["a","b"],"max_tokens":3,"stream":true}`)
		if err != nil {
			t.Fatal(err)
		}
		// The first token of each has no space before it and is not counted here.
		if got, want := arrivals(t, r.Body, start), []time.Duration{110 * ms, 120 * ms, 230 * ms, 240 * ms}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// The work of a stream goes with its tokens, not with their number times that of
// the choices: with that, this would not end.
func TestAStreamOfThousandsOfChoicesIsOnItsPlan(t *testing.T) {
	const prompts, n, tokens = 64, 32, 8
	body := fmt.Sprintf(`{"model":"demo-8b","prompt":["a"%s],"n":%d,"max_tokens":%d,"stream":true}`, strings.Repeat(`,"a"`, prompts-1), n, tokens)
	for _, config := range []string{
		"engine: {model: step, c0: 10ms, max_num_seqs: 4096}",
		"engine: {ttft: 10ms, itl: 10ms, stagger: 7ms, max_num_seqs: 4096}",
		"engine: {ttft: 10ms, itl: 10ms, max_num_seqs: 4096}\nfaults: [{action: {do: split_utf8, at_token: 9999}}]",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, config)
			r, err := call(t.Context(), pipe(t, s), "http://h"+completionsPath, body)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(string(readAll(t, r)), `"finish_reason":"length"`); got != prompts*n {
				t.Errorf("%s: %d choices ended", config, got)
			}
			rec := s.Truth(0)[0]
			if len(rec.WrittenNS) != prompts*n*tokens || !slices.IsSorted(rec.PlannedNS) {
				t.Fatalf("%s: %d tokens", config, len(rec.WrittenNS))
			}
			for i, at := range rec.PlannedNS {
				if late := rec.WrittenNS[i] - at; late != 0 && !strings.Contains(config, "faults") {
					t.Fatalf("%s: token %d is %d ns late", config, i, late)
				}
			}
		})
	}
}

func TestAClientThatLeavesFreesItsPlaceAtOnce(t *testing.T) {
	for _, c := range []struct{ name, more string }{
		{"plain", ""}, {"stream", `,"stream":true`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {max_num_seqs: 1}")
				client := pipe(t, s)
				ctx, cancel := context.WithTimeout(t.Context(), 230*ms)
				defer cancel()
				go func() {
					if r, err := call(ctx, client, "http://h"+chatPath, chat(5, `,"max_tokens":5000`+c.more)); err == nil {
						_, _ = io.Copy(io.Discard, r.Body)
						r.Body.Close()
					}
				}()
				synctest.Wait()
				start := time.Now()
				r, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":1`))
				if err != nil {
					t.Fatal(err)
				}
				readAll(t, r)
				if got := time.Since(start); got != 430*ms {
					t.Errorf("the next answer came after %v, want 230 ms of waiting and 200 ms", got)
				}
				if got := s.Truth(0)[0].Outcome; got != "client_gone" {
					t.Errorf("the ledger says %q", got)
				}
			})
		})
	}
}

func TestAClientThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {max_num_seqs: 1}")
		client := pipe(t, s)
		// A pipe holds nothing: the first write blocks until somebody reads.
		stuck, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":500,"stream":true`))
		if err != nil {
			t.Fatal(err)
		}
		defer stuck.Body.Close()
		start := time.Now()
		r, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":1`))
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, r)
		// The first answer is planned for 200 + 499 * 20 ms from 200 ms ago.
		if got, want := time.Since(start), 499*20*ms+200*ms; got != want {
			t.Errorf("the next answer came after %v, want %v", got, want)
		}
		if err := s.Close(); err != nil {
			t.Errorf("Close hangs on the blocked write: %v", err)
		}
		if got := s.State().InFlight; got != 0 {
			t.Errorf("%d in flight after Close", got)
		}
	})
}

// Whatever fault it has, a client that stopped reading keeps nobody waiting, and
// the server can be closed.
func TestAClientThatStopsReadingBlocksNobody(t *testing.T) {
	for _, action := range []string{
		"{status: 500, size: 1000000000}", "{do: stall, at_token: 1, for: 1s}", "{do: slow_bytes, at_token: 1, for: 1s}", "{do: slow_bytes, for: 100s}",
		"{do: odd_stream, kind: big_event, size: 100000000}", "{do: split_utf8, at_token: 1}", "{do: dup_usage}", "{do: reset, at_token: 400}",
	} {
		for _, more := range []string{"", `,"stream":true`} {
			t.Run(action+more, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := serve(t, "faults: [{when: {first: 1}, action: "+action+"}]")
					client := pipe(t, s)
					go func() {
						if stuck, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":500`+more)); err == nil {
							t.Cleanup(func() { stuck.Body.Close() })
						}
					}()
					synctest.Wait()
					start := time.Now()
					for range 20 { // beyond the end of the first answer's plan
						r, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":26,"stream":true`))
						if err != nil {
							t.Fatal(err)
						}
						got := arrivals(t, r.Body, start)
						for i, at := range got {
							if want := 200*ms + time.Duration(i)*20*ms; at != want {
								t.Fatalf("token %d came at %v, want %v", i, at, want)
							}
						}
						start = time.Now()
					}
					if err := s.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
					if took, inFlight := time.Since(start), s.State().InFlight; took != 0 || inFlight != 0 {
						t.Errorf("Close took %v and left %d in flight", took, inFlight)
					}
				})
			})
		}
	}
}

func TestALateStreamCatchesUpInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipe(t, serve(t, `faults: [{action: {at_token: 2, do: stall, for: 100ms}}]`))
		start := time.Now()
		r, err := call(t.Context(), c, "http://h"+chatPath, chat(5, `,"max_tokens":9,"stream":true`))
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{200 * ms, 220 * ms, 340 * ms, 340 * ms, 340 * ms, 340 * ms, 340 * ms, 340 * ms, 360 * ms}
		if got := arrivals(t, r.Body, start); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestStallOfAPlainAnswerDelaysIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipe(t, serve(t, `faults: [{action: {do: stall, for: 3s}}]`))
		start := time.Now()
		r, err := call(t.Context(), c, "http://h"+chatPath, chat(5, `,"max_tokens":1`))
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, r)
		if got := time.Since(start); got != 3200*ms {
			t.Errorf("it came after %v", got)
		}
	})
}

func TestCloseCutsStreamsAndRefusesWhatComesAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "")
		client := pipe(t, s)
		r, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":500,"stream":true`))
		if err != nil {
			t.Fatal(err)
		}
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		if _, err := io.ReadAll(r.Body); err == nil {
			t.Error("a cut stream ended as if it were whole")
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if got := s.Truth(0)[0].Outcome; got != "closed" {
			t.Errorf("the ledger says %q", got)
		}
		if w := post(s, chatPath, chat(1, "")); w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d after Close", w.Code)
		}
	})
}

func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "")
		client := pipe(t, s)
		go func() {
			if r, err := call(t.Context(), client, "http://h"+chatPath, chat(5, `,"max_tokens":5`)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		}()
		synctest.Wait()
		start := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if _, err := s.Drain(short); err == nil || !strings.Contains(err.Error(), "1 requests in flight") {
			t.Errorf("got %v", err)
		}
		n, err := s.Drain(t.Context())
		if got := fmt.Sprint(n, err, time.Since(start)); got != "1 <nil> 280ms" {
			t.Errorf("got %s", got)
		}
	})
}
