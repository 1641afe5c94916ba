package cli

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// Joined is what a join found, for tests.
type Joined struct {
	Matched, OnlyClient, OnlyServer, Odd int
	TTFT, Arrivals                       int64   // compared
	MeanTTFT, MaxArrival                 float64 // ns
}

// Confirm asks before load leaves this machine and its networks, for tests.
func Confirm(ctx context.Context, sys IO, p *scenarios.Plan, yes bool) error {
	return sys.confirm(ctx, p, yes)
}

// JoinLedger joins records with a ledger as the mock server writes it.
func JoinLedger(records []*results.Record, ledger io.Reader, anchor int64) (Joined, error) {
	truths, err := readLedger(ledger)
	if err != nil {
		return Joined{}, err
	}
	j := join(records, truths, anchor)
	out := Joined{
		Matched: j.matched, OnlyClient: j.onlyClient, OnlyServer: j.onlyServer, Odd: j.odd,
		TTFT: j.ttft.size.Count(), Arrivals: j.arrival.size.Count(), MaxArrival: float64(j.arrival.size.Max()),
	}
	if out.TTFT > 0 {
		out.MeanTTFT = j.ttft.sum / float64(out.TTFT)
	}
	return out, nil
}

// SelfRow is what a load of a selftest showed, for tests: the errors of first tokens and of arrivals, as many as given.
type SelfRow struct {
	Streams, Rate  int
	TTFT, Arrivals []time.Duration
	Invalid        string // why the run does not count
	Odd            int    // requests that records and ledger tell differently
}

func (r SelfRow) row() selfRow {
	j := &joined{matched: 1, odd: r.Odd}
	for _, d := range r.TTFT {
		j.ttft.add(int64(d))
	}
	for _, d := range r.Arrivals {
		j.arrival.add(int64(d))
	}
	return newSelfRow(selfLoad{streams: r.Streams, rate: r.Rate}, j, r.Invalid)
}

// Doubt is why a load cannot be trusted, for tests; empty where it can.
func (r SelfRow) Doubt() string { row := r.row(); return row.Why }

// KeepSelfTest keeps a selftest's result, for tests, and says what it says.
func KeepSelfTest(sys IO, rows []SelfRow, now time.Time) (verdict string, err error) {
	var all []selfRow
	for _, r := range rows {
		all = append(all, r.row())
	}
	s := newSelfResult(all, now)
	if s.judged() {
		s.keep(sys)
	}
	return s.verdict(), selfError(all)
}

// LastSelfTest is what runs quote, for tests.
var LastSelfTest = lastSelfTest

// SelfTestPath is where it is kept, for tests.
var SelfTestPath = selfPath

// BarView draws looks at a run as on a terminal, for tests, a quarter of a second apart, and takes them away in the end.
func BarView(out io.Writer, width int, looks []runner.Progress) {
	v := newBarView(out, width)
	defer v.close()
	for _, p := range looks {
		v.show(p, 10, time.Now())
		time.Sleep(terminalEvery)
	}
}

// PlainLine is a look at a run as it is written where no terminal is, for tests.
func PlainLine(p runner.Progress, rate float64, now time.Time) string {
	var out strings.Builder
	(&plainView{&out}).show(p, rate, now)
	return out.String()
}

// Pace is the rates that looks show, for tests.
func Pace(looks []runner.Progress, at []time.Time) (rates []float64) {
	var p pace
	for i, l := range looks {
		rates = append(rates, p.see(l, at[i]))
	}
	return rates
}

// Watch is watch, for tests.
func Watch(sys IO, live *runner.Live) (stop func()) { return sys.watch(live) }

// Waiting is waiting, for tests.
func Waiting(sys IO, what string, most time.Duration) (stop func()) { return sys.waiting(what, most) }

// Exposed serves a run for Prometheus, for tests; record is how a request that ended is told.
func Exposed(live *runner.Live) (h http.Handler, record func(*results.Record)) {
	e := newExposed(live)
	return e.handler(), e.record
}

// AgreedNonce is the nonce of a shard's prompts where the run's was own, for tests.
func AgreedNonce(ctx context.Context, own uint64, hash string, sh scenarios.Shard, start time.Time) (uint64, error) {
	e := execution{nonce: own, barrier: barrier{shard: sh, start: start}}
	err := e.agree(ctx, hash)
	return e.nonce, err
}
