package runner_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// vegeta's Attacker is the second engine: it shares the plan with ours, and neither dispatcher, client, pool nor stream reader.

// arrivalsPacer sends at the times of a plan, and stops after the last.
type arrivalsPacer []time.Duration

func (p arrivalsPacer) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if hits >= uint64(len(p)) {
		return 0, true
	}
	return max(0, p[hits]-elapsed), false
}

func (p arrivalsPacer) Rate(time.Duration) float64 { return 0 } // for vegeta's own plots alone

// stamping is a RoundTripper that stamps when an answer's first content was read, by the hit's number.
type stamping struct {
	next http.RoundTripper

	mu   sync.Mutex
	ttft map[uint64]time.Duration
	sent map[uint64]time.Time
}

func (s *stamping) RoundTrip(req *http.Request) (*http.Response, error) {
	seq, err := strconv.ParseUint(req.Header.Get("X-Vegeta-Seq"), 10, 64)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	s.mu.Lock()
	s.sent[seq] = begin
	s.mu.Unlock()
	resp, err := s.next.RoundTrip(req)
	if err == nil {
		resp.Body = &stampedBody{resp.Body, s, seq, begin, nil}
	}
	return resp, err
}

// hasWord finds content, and not the role's empty one.
var hasWord = regexp.MustCompile(`"content":"[^"]`)

type stampedBody struct {
	io.ReadCloser
	to    *stamping
	seq   uint64
	begin time.Time
	seen  []byte
}

func (b *stampedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.to.mu.Lock()
	defer b.to.mu.Unlock()
	if _, done := b.to.ttft[b.seq]; !done {
		if b.seen = append(b.seen, p[:n]...); hasWord.Match(b.seen) {
			b.to.ttft[b.seq] = time.Since(b.begin)
		}
	}
	return n, err
}

// attack carries out the same arrivals by vegeta.
func attack(t *testing.T, b *bed, stage *scenarios.Stage, at arrivalsPacer) (hits []*vegeta.Result, stamps *stamping) {
	transport := &http.Transport{DialContext: b.pipes.dial, DisableCompression: true}
	defer transport.CloseIdleConnections()
	stamps = &stamping{next: transport, ttft: map[uint64]time.Duration{}, sent: map[uint64]time.Time{}}
	var mu sync.Mutex
	prompt := int64(0)
	target := func(to *vegeta.Target) error {
		mu.Lock()
		defer mu.Unlock()
		text := stage.Request(prompt, 1, 1).Texts[0]
		prompt++
		body, err := json.Marshal(map[string]any{
			"model": "demo-8b", "stream": true, "max_tokens": stage.Output.Tokens, "min_tokens": stage.Output.Tokens, "ignore_eos": true,
			"messages": []map[string]string{{"role": "user", "content": text}},
		})
		*to = vegeta.Target{Method: http.MethodPost, URL: b.Endpoint() + "/v1/chat/completions", Body: body, Header: http.Header{"Content-Type": {"application/json"}}}
		return err
	}
	attacker := vegeta.NewAttacker(vegeta.Client(&http.Client{Transport: stamps}))
	for hit := range attacker.Attack(target, at, 0, "second engine") {
		if hit.Error != "" {
			t.Errorf("hit %d: %s", hit.Seq, hit.Error)
		}
		hits = append(hits, hit)
	}
	return hits, stamps
}

func TestASecondEngineMeasuresTheSame(t *testing.T) {
	const tolerance = time.Nanosecond // of virtual time: the records take 0 for a stamp that never was, and begin at 1
	for _, row := range []struct{ sentence, mock, load string }{
		{"a server with room for all", `{engine: {model: fixed, ttft: 200ms, itl: 20ms}}`, `{rate: 20/s, arrivals: poisson}`},
		{"constant arrivals", `{engine: {model: fixed, ttft: 200ms, itl: 20ms}}`, `{rate: 20/s, arrivals: constant}`},
		{"requests that queue in the server", `{engine: {model: fixed, ttft: 200ms, itl: 20ms, max_num_seqs: 4}}`, `{rate: 12/s, arrivals: poisson}`},
		{"an engine in steps, with chunks and memory", `{preset: h100-llama3-8b, engine: {max_num_seqs: 4}}`, `{rate: 30/s, arrivals: poisson}`},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			scenario := "name: t\nseed: 7\ntarget: {mock: {}}\nworkload: {prompts: {synthetic: {input_tokens: 32}}, output: {tokens: 8}}\nload: {open: " + row.load + ", requests: 60}\n"
			ours := run(t, row.mock, scenario, 0)
			slices.SortFunc(ours.records, func(a, b *results.Record) int { return int(a.Seq - b.Seq) })
			stage := &plan(t, scenario).Stages[0]
			var at arrivalsPacer
			for schedule := stage.Schedule(); len(at) < len(ours.records); { // the tail is load too
				a, _ := schedule.Next(0)
				at = append(at, a.At)
			}
			synctest.Test(t, func(t *testing.T) {
				b := newBed(t, row.mock)
				defer b.close()
				begin := time.Now()
				hits, stamps := attack(t, b, stage, at)
				if len(hits) != len(ours.records) || len(stamps.ttft) != len(hits) {
					t.Fatalf("%d hits, %d with content; ours sent %d", len(hits), len(stamps.ttft), len(ours.records))
				}
				if got := b.State().Attempts; got != int64(len(hits)) {
					t.Errorf("the server saw %d attempts of %d hits", got, len(hits))
				}
				first := ours.records[0]
				for i, r := range ours.records {
					seq := uint64(i)
					theirs, mine := stamps.ttft[seq], time.Duration(r.Last().FirstTokenNS-r.DispatchedNS)
					if d := theirs - mine; d > tolerance || d < -tolerance {
						t.Errorf("request %d: TTFT %s by vegeta, %s by ours", i, theirs, mine)
					}
					theirSend, mySend := stamps.sent[seq].Sub(begin)-at[0], time.Duration(r.DispatchedNS-first.DispatchedNS)
					if d := theirSend - mySend; d > tolerance || d < -tolerance {
						t.Errorf("request %d left after %s by vegeta, %s by ours", i, theirSend, mySend)
					}
				}
			})
		})
	}
}
