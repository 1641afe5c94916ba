package cli_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/cli"
	"github.com/llmload/llmload/results"
)

// stream is a record whose attempt started at 1,000 ns and whose arrivals came after the gaps of dt.
func stream(id string, dt []int64, events []int) *results.Record {
	return &results.Record{ID: id, Outcome: results.OK, Attempts: []results.Attempt{{
		StartedNS: 1000, FirstTokenNS: 1000 + dt[0], Arrivals: results.Arrivals{DtNS: dt, Events: events},
	}}}
}

func TestJoinHoldsEachStampAgainstTheWriteThatCausedIt(t *testing.T) {
	const anchor = 1_000_000
	records := []*results.Record{
		// Written at 50, 60 and 70 after the start; read 5, 6 and 7 later.
		stream("each-alone", []int64{55, 11, 11}, []int{1, 1, 1}),
		// The second and third token came in one read, 9 after the third was written.
		stream("two-in-one-read", []int64{53, 26}, []int{1, 2}),
		stream("a-token-is-missing", []int64{50, 10}, []int{1, 1}),
		stream("never-reached-the-server", []int64{50}, []int{1}),
	}
	ledger := `{"n":1,"request_id":"two-in-one-read","written_ns":[1001050,1001060,1001070]}
{"n":2,"request_id":"each-alone","written_ns":[1001050,1001060,1001070]}
{"n":3,"request_id":"a-token-is-missing","written_ns":[1001050,1001060,1001070]}
{"n":4,"request_id":"somebody-else","written_ns":[1001050]}
`
	got, err := cli.JoinLedger(records, strings.NewReader(ledger), anchor)
	if err != nil {
		t.Fatal(err)
	}
	want := cli.Joined{
		Matched: 3, OnlyClient: 1, OnlyServer: 1, Odd: 1, TTFT: 2, Arrivals: 5,
		MeanTTFT: (5 + 3) / 2.0, MaxArrival: 9,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestALedgerThatIsCutShortIsAnError(t *testing.T) {
	_, err := cli.JoinLedger(nil, strings.NewReader("{\"n\":1}\n{\"n\":"), 0)
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v, want one that names line 2", err)
	}
}
