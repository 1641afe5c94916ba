package sse_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/client/internal/sse"
)

// event is an Event that outlives the buffer.
type event struct {
	typ, data string
	end       int
	cut       bool
}

func collect(s *sse.Scanner, buf []byte, final bool, into []event) []event {
	for {
		ev, ok := s.Next(buf, final)
		if !ok {
			return into
		}
		into = append(into, event{string(ev.Type), string(ev.Data), ev.End, ev.Cut})
	}
}

func whole(in string) []event {
	var s sse.Scanner
	return collect(&s, []byte(in), true, nil)
}

func TestEvents(t *testing.T) {
	big := strings.Repeat("x", 100<<10)
	tests := []struct {
		sentence string
		in       string
		want     []event
	}{
		{"LF ends lines", "data: a\n\ndata: b\n\n", []event{{data: "a", end: 9}, {data: "b", end: 18}}},
		{"CRLF ends lines", "data: a\r\n\r\ndata: b\r\n\r\n", []event{{data: "a", end: 10}, {data: "b", end: 21}}},
		{"bare CR ends lines, and the event is there without waiting for a LF", "data: a\r\rdata: b\r\r", []event{{data: "a", end: 9}, {data: "b", end: 18}}},
		{"line ends may be mixed", "data: a\r\n\ndata: b\n\r", []event{{data: "a", end: 10}, {data: "b", end: 19}}},
		{"a byte order mark is passed over", "\xef\xbb\xbfdata: a\n\n", []event{{data: "a", end: 12}}},
		{"only at the head of the stream", "data: a\n\n\xef\xbb\xbfdata: b\n\n", []event{{data: "a", end: 9}}},
		{"comments are passed over", ": keep-alive\n\n:\ndata: a\n: b\n\n", []event{{data: "a", end: 29}}},
		{"the space behind the colon may be missing", "data:a\n\n", []event{{data: "a", end: 8}}},
		{"only one space is taken away", "data:  a\n\n", []event{{data: " a", end: 10}}},
		{"an event has a type", "event: error\ndata: a\n\ndata: b\n\n", []event{{typ: "error", data: "a", end: 22}, {data: "b", end: 31}}},
		{"an event without data is none, and its type is forgotten", "event: ping\n\ndata: a\n\n", []event{{data: "a", end: 22}}},
		{"data lines are joined by a newline", "data: a\ndata: b\ndata:\ndata: c\n\n", []event{{data: "a\nb\n\nc", end: 31}}},
		{"a data field without a colon is empty data", "data\n\n", []event{{data: "", end: 6}}},
		{"other fields are passed over", "id: 1\nretry: 5\ndatax: 1\ndata: a\n\n", []event{{data: "a", end: 33}}},
		{"a body of another kind has no events", "{\"error\":{\"message\":\"no\"}}\n\n", nil},
		{"the last event may lack its blank line", "data: a\n\ndata: [DONE]\n", []event{{data: "a", end: 9}, {data: "[DONE]", end: 22, cut: true}}},
		{"the last line may lack its end", "data: [DONE]", []event{{data: "[DONE]", end: 12, cut: true}}},
		{"an event over 64 KiB is one event", "data: " + big + "\n\n", []event{{data: big, end: len(big) + 8}}},
		{"bytes outside ASCII stay as they are", "data: \xe4\xb8\xad\xf0\x9f\x98\x80\n\n", []event{{data: "\xe4\xb8\xad\xf0\x9f\x98\x80", end: 15}}},
		{"nothing gives nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			if got := whole(tt.in); !slices.Equal(got, tt.want) {
				t.Errorf("got %.300s, want %.300s", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", tt.want))
			}
		})
	}
}

// feed gives the input in parts that end at the cuts, moving the buffer each
// time and cutting its head off where asked to.
func feed(in string, shift bool, cuts ...int) []event {
	var s sse.Scanner
	var buf []byte
	var got []event
	from, gone := 0, 0
	for _, cut := range append(cuts, len(in)) {
		buf = append(bytes.Clone(buf), in[from:cut]...)
		from = cut
		n := len(got)
		got = collect(&s, buf, false, got)
		for i := n; i < len(got); i++ {
			got[i].end += gone
		}
		if shift {
			n := s.Consumed()
			buf, gone = buf[n:], gone+n
			s.Shift(n)
		}
	}
	n := len(got)
	got = collect(&s, buf, true, got)
	for i := n; i < len(got); i++ {
		got[i].end += gone
	}
	return got
}

const mixed = "\xef\xbb\xbf: hi\r\n\r\nevent: e\rdata: a\rdata:b\r\rdata: \xf0\x9f\x98\x80\r\n\r\n\n\ndata\n\ndata: x\n\revent: z\n\ndata: [DONE]"

func TestSplitAnywhere(t *testing.T) {
	want := whole(mixed)
	if len(want) != 5 {
		t.Fatalf("the example has %d events, want 5: %v", len(want), want)
	}
	for _, shift := range []bool{false, true} {
		for i := range len(mixed) + 1 {
			for j := i; j <= len(mixed); j++ {
				if got := feed(mixed, shift, i, j); !slices.Equal(got, want) {
					t.Fatalf("split at %d and %d (shift %v): got %+v, want %+v", i, j, shift, got, want)
				}
			}
		}
	}
}

func TestEventIsThereWithItsLastByte(t *testing.T) {
	for _, in := range []string{"data: a\n\n", "data: a\r\n\n", "data: a\r\r"} {
		var s sse.Scanner
		if got := collect(&s, []byte(in[:len(in)-1]), false, nil); got != nil {
			t.Errorf("%q without its last byte: got %v, want none", in, got)
		}
		if got := collect(&s, []byte(in), false, nil); len(got) != 1 || got[0].end != len(in) {
			t.Errorf("%q: got %v, want one event that ends at %d", in, got, len(in))
		}
	}
}

func TestEventIsBounded(t *testing.T) {
	for sentence, line := range map[string]string{
		"one endless line":   "data: " + strings.Repeat("x", 1<<20),
		"endless data lines": strings.Repeat("data: x\n", 1<<17),
		"an endless comment": ":" + strings.Repeat("x", 1<<20),
	} {
		t.Run(sentence, func(t *testing.T) {
			var s sse.Scanner
			var buf []byte
			for range 20 {
				buf = append(buf, line...)
				if _, ok := s.Next(buf, false); ok {
					t.Fatal("got an event")
				}
			}
			if !errors.Is(s.Err(), sse.ErrTooLong) {
				t.Errorf("after %d bytes: error %v, want ErrTooLong", len(buf), s.Err())
			}
		})
	}
}

// A stream whose reads end in the middle of long events must not be searched
// from the beginning with each read.
func TestLongEventInSmallReadsIsLinear(t *testing.T) {
	in := []byte("data: " + strings.Repeat("x", 8<<20) + "\n\n")
	var s sse.Scanner
	events := 0
	for n := 64; n < len(in)+64; n += 64 {
		events += len(collect(&s, in[:min(n, len(in))], false, nil))
	}
	if events != 1 {
		t.Errorf("got %d events, want 1", events)
	}
}

func TestNoAllocation(t *testing.T) {
	in := []byte(strings.Repeat("event: x\ndata: {\"a\":1}\n\n", 100))
	allocs := testing.AllocsPerRun(10, func() {
		var s sse.Scanner
		n := 0
		for {
			if _, ok := s.Next(in, true); !ok {
				break
			}
			n++
		}
		if n != 100 {
			t.Fatalf("got %d events, want 100", n)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for 100 events, want none", allocs)
	}
}

// FuzzScanner: an input split at any place, with or without cutting the head
// off, gives the same events as the whole, and offsets only grow.
func FuzzScanner(f *testing.F) {
	f.Add(mixed, uint(7))
	files, err := filepath.Glob("../../testdata/*stream*.txt")
	more, _ := filepath.Glob("../../testdata/*/*stream*.txt")
	if files = append(files, more...); err != nil || len(files) < 6 {
		f.Fatalf("only %d transcripts: %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, body, _ := strings.Cut(string(raw), "\r\n\r\n")
		f.Add(body, uint(len(body)/2))
	}
	f.Fuzz(func(t *testing.T, in string, cut uint) {
		want := whole(in)
		last := 0
		for _, ev := range want {
			if ev.end <= last || ev.end > len(in) {
				t.Fatalf("event ends at %d, the one before at %d, the input at %d", ev.end, last, len(in))
			}
			last = ev.end
		}
		at := int(cut % uint(len(in)+1))
		for _, shift := range []bool{false, true} {
			if got := feed(in, shift, at); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("split at %d (shift %v): got %+v, want %+v", at, shift, got, want)
			}
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	ev := `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" hello"},"finish_reason":null}]}` + "\n\n"
	in := []byte(strings.Repeat(ev, 100))
	b.ReportAllocs()
	for b.Loop() {
		var s sse.Scanner
		for {
			if _, ok := s.Next(in, true); !ok {
				break
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/event")
}
