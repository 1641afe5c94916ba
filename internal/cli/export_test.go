package cli

import (
	"context"
	"io"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
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
