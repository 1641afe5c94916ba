package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/llmload/llmload/results"
)

// truth is what the mock's ledger says of one attempt, as far as a join needs it. Times are on CLOCK_MONOTONIC.
type truth struct {
	N         int64   `json:"n"`
	RequestID string  `json:"request_id"`
	WrittenNS []int64 `json:"written_ns"` // a token each, taken just before its write
}

// ledger reads the mock's records from memory.
func (m *mockTarget) ledger(ctx context.Context, since int64) ([]truth, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.admin+"/admin/truth?since="+strconv.FormatInt(since, 10), nil)
	if err != nil {
		return nil, err
	}
	resp, err := m.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the truth ledger: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the truth ledger: %s", resp.Status)
	}
	if n := resp.Header.Get("X-Truth-Dropped"); n != "0" {
		return nil, fmt.Errorf("read the truth ledger: %s of its records are not in memory any more", n)
	}
	return readLedger(resp.Body)
}

func readLedger(r io.Reader) ([]truth, error) {
	var out []truth
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var t truth
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return nil, fmt.Errorf("line %d of the truth ledger: %w", len(out)+1, err)
		}
		out = append(out, t)
	}
	return out, lines.Err()
}

// lateness is one metric's error against the truth: how much later the client's stamp is than the server's write.
type lateness struct {
	size results.Histogram // absolute values
	sum  float64
}

func (l *lateness) add(ns int64) {
	l.sum += float64(ns)
	l.size.Record(max(ns, -ns))
}

// joined is a run held against the ledger, request by request.
type joined struct {
	ttft, arrival lateness
	matched       int
	onlyClient    int // requests that the ledger does not know
	onlyServer    int // attempts that the run does not know
	odd           int // requests whose content events are not as many as the tokens written
}

// join matches each stream's stamps with the writes that caused them. anchor is CLOCK_MONOTONIC at the records' zero.
func join(records []*results.Record, ledger []truth, anchor int64) *joined {
	byID := make(map[string]truth, len(ledger))
	for _, t := range ledger {
		byID[t.RequestID] = t
	}
	out := &joined{}
	for _, r := range records {
		t, ok := byID[r.ID]
		if !ok {
			out.onlyClient++
			continue
		}
		delete(byID, r.ID)
		out.matched++
		out.stream(r, t, anchor)
	}
	out.onlyServer = len(byID)
	return out
}

// stream adds one request's first token and its arrivals. An arrival is held against the last event that it brought.
func (j *joined) stream(r *results.Record, t truth, anchor int64) {
	a := r.Last()
	events := 0
	for _, n := range a.Arrivals.Events {
		events += n
	}
	if events != len(t.WrittenNS) || events == 0 {
		j.odd++
		return
	}
	j.ttft.add(anchor + a.FirstTokenNS - t.WrittenNS[0])
	at, seen := anchor+a.StartedNS, 0
	for i, dt := range a.Arrivals.DtNS {
		at += dt
		seen += a.Arrivals.Events[i]
		j.arrival.add(at - t.WrittenNS[seen-1])
	}
}
