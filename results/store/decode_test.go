package store_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

// lines are records as they may stand in a folder: as llmload writes them, as others may, and as nobody should.
var lines = []string{
	`{"id":"a","seq":1,"stage":"s","attempts":[{"done_ns":9,"arrivals":{"dt_ns":[5,-3,0],"k":[1,2,3],"events":[1,1,1]},"kernel_lag_ns":[-1,40000,7]}]}`,
	`{"id":"two attempts","attempts":[{"arrivals":{"dt_ns":[5]}},{"done_ns":3},{"arrivals":{"dt_ns":[6,7],"events":[2,1]},"kernel_lag_ns":[8]}]}`,
	`{"id":"no lists","attempts":[{"done_ns":9}],"error":"it said \"k\":[1,2] and {\"dt_ns\":[7]}"}`,
	`{"id":"text","stage":"a\":[1","attempts":[{"arrivals":{"k":[4]}}],"labels":{"x-k":"[1]"}}`,
	`{"id":"blanks", "attempts" : [ {"arrivals": {"dt_ns": [5, 6], "k":[ 1 , 2 ]}} ] }`,
	`{"id":"empty","attempts":[{"arrivals":{"dt_ns":[],"k":[]}, "kernel_lag_ns": []}]}`,
	`{"id":"one empty with a blank","attempts":[{"arrivals":{"dt_ns": []}},{"arrivals":{"dt_ns":[3]}}]}`,
	`{"id":"an empty one and a stranger's","attempts":[{"ArrivAls":{"dt_ns": []}},{"":{"dt_ns":[0]}}]}`,
	`{"id":"a stranger's that is none","plan":{"k":[1,]},"attempts":[{"arrivals":{"k":[2]}}]}`,
	`{"id":"a mark","attempts":[{"arrivals":{"dt_ns":[-9000000000000000000],"k": [-9000000000000000001],"events":[3]}}]}`,
	`{"id":"null","attempts":[{"arrivals":{"dt_ns":null,"k":[1]}}]}`,
	`{"id":"twice","attempts":[{"arrivals":{"dt_ns":[1],"dt_ns":[2,3]}}]}`,
	`{"id":"newer","plan":{"k":[1,2],"dt_ns":[[3],[4]]},"k":[5],"attempts":[{"arrivals":{"dt_ns":[3],"k":[6]}}]}`,
	`{"id":"cases","attempts":[{"arrivals":{"DT_NS":[3],"K":[6]}}]}`,
	`{"id":"large","attempts":[{"arrivals":{"dt_ns":[9223372036854775807,-9223372036854775808]}}]}`,
	`{"id":"too large","attempts":[{"arrivals":{"dt_ns":[9223372036854775808]}}]}`,
	`{"id":"a fraction","attempts":[{"arrivals":{"dt_ns":[1.5]}}]}`,
	`{"id":"a power","attempts":[{"arrivals":{"dt_ns":[1e3]}}]}`,
	`{"id":"a plus","attempts":[{"arrivals":{"dt_ns":[+1]}}]}`,
	`{"id":"a zero too many","attempts":[{"arrivals":{"dt_ns":[01]}}]}`,
	`{"id":"minus zero","attempts":[{"arrivals":{"dt_ns":[-0]}}]}`,
	`{"id":"a comma too many","attempts":[{"arrivals":{"dt_ns":[1,]}}]}`,
	`{"id":"a list in a list","attempts":[{"arrivals":{"dt_ns":[[1]]}}]}`,
	`{"id":"text in a list","attempts":[{"arrivals":{"dt_ns":["]"]}}]}`,
	`{"id":"cut off","attempts":[{"arrivals":{"dt_ns":[1,2`,
	`{"id":"more behind it","attempts":[{"arrivals":{"k":[1]}}]}}`,
	`[]`, `7`, `{}`,
}

// sameAsJSON holds decoding against encoding/json, record and error.
func sameAsJSON(t *testing.T, line string) {
	t.Helper()
	want := new(results.Record)
	wantErr := json.Unmarshal([]byte(line), want)
	before := strings.Clone(line)
	got, err := store.DecodeRecord([]byte(line))
	switch {
	case strings.TrimSpace(line) == "":
		if err == nil {
			t.Error("an empty line is a record")
		}
	case wantErr != nil:
		if err == nil || err.Error() != wantErr.Error() {
			t.Errorf("%s\ngot error %v\nwant %v", line, err, wantErr)
		}
	case err != nil || !reflect.DeepEqual(got, want):
		t.Errorf("%s\ngot  %+v, %v\nwant %+v", line, got, err, want)
	}
	if line != before {
		t.Error("the line was changed")
	}
}

func TestARecordIsReadAsJSONIs(t *testing.T) {
	for _, line := range lines {
		sameAsJSON(t, line)
	}
	for stage := range stageInfos {
		for i := range int64(20) {
			sameAsJSON(t, string(record(stage, i).AppendJSON(nil)))
		}
	}
}

func FuzzDecodeRecord(f *testing.F) {
	for _, line := range lines {
		f.Add(line)
	}
	f.Fuzz(sameAsJSON)
}

// BenchmarkDecodeRecord reads the record of a stream of 128 arrivals, as Records does and by encoding/json alone.
func BenchmarkDecodeRecord(b *testing.B) {
	r := record(0, 2)
	a := &r.Attempts[0]
	for i := range int64(125) {
		a.Arrivals.DtNS, a.Arrivals.K, a.Arrivals.Events = append(a.Arrivals.DtNS, 8*ms+i*12345), append(a.Arrivals.K, 1), append(a.Arrivals.Events, 1)
	}
	for i := range int64(128) {
		a.KernelLagNS = append(a.KernelLagNS, 40_000+i*77)
	}
	line := r.AppendJSON(nil)
	b.Run("records", func(b *testing.B) {
		for b.Loop() {
			if _, err := store.DecodeRecord(line); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		for b.Loop() {
			if err := json.Unmarshal(line, new(results.Record)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
