package results_test

import (
	"slices"
	"testing"

	"github.com/llmload/llmload/results"
)

// The groups of a stage divide its requests: what they count sums to what the stage counts.
func TestGroupsDivideTheRequests(t *testing.T) {
	c := results.NewCollector(results.StageInfo{Name: "s"}, window(0, 10_000))
	var names []string
	for i, name := range []string{"chat", "code", "chat", "10", "9", "chat"} {
		r := plain(int64(i)*1000, int64(i+1)*1000, results.OK)
		r.Workload, r.Warmup = name, i == 2
		if i == 5 {
			r.Outcome = "http_500"
		}
		c.Add(r)
	}
	c.Add(plain(0, 1000, results.OK)) // of no workload: in no group
	s := c.Summarize()
	var sum results.Requests
	for _, g := range s.Groups {
		names = append(names, g.By+" "+g.Value)
		sum.Issued += g.Requests.Issued
		sum.Failed += g.Requests.Failed
		sum.Warmup += g.Requests.Warmup
	}
	if want := []string{"workload chat", "workload code", "workload 9", "workload 10"}; !slices.Equal(names, want) {
		t.Errorf("groups %q, want %q", names, want)
	}
	if sum.Issued != s.Requests.Issued-1 || sum.Failed != 1 || sum.Warmup != 1 {
		t.Errorf("the groups sum to %+v, the stage is %+v", sum, s.Requests)
	}
	if chat := s.Groups[0]; *chat.Success != 0.5 || *chat.Throughput.RequestsPerS != 0.2 || chat.Outcomes["http_500"] != 1 {
		t.Errorf("chat is %v, %v, %+v", *chat.Success, *chat.Throughput.RequestsPerS, chat.Outcomes)
	}
}
