package mockserver_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkStreamNone is the cost of a stream of 1000 events as fast as it can
// be written, over loopback and read by a client that looks at nothing.
func BenchmarkStreamNone(b *testing.B) {
	benchmarkStream(b, "engine: {model: none}", 1000)
}

// BenchmarkStreamLate is the same with a write an event: every token is overdue
// and due apart from the others, as in a server that cannot keep up.
func BenchmarkStreamLate(b *testing.B) {
	benchmarkStream(b, "engine: {ttft: 1us, itl: 1ns}", 1000)
}

// BenchmarkPlainNone is the cost of a plain request of 512 tokens, answered by 1.
func BenchmarkPlainNone(b *testing.B) {
	s := serve(b, "engine: {model: none}")
	body := chat(512, `,"max_tokens":1`)
	b.ReportAllocs()
	for b.Loop() {
		if w := post(s, chatPath, body); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

// A discard is a connection that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
func (d discard) Flush()                      {}

// An event costs no allocation: those of a stream do not grow with its length.
func TestAnEventAllocatesNothing(t *testing.T) {
	const counted = `,"stream_options":{"include_usage":true,"continuous_usage_stats":true}`
	for config, more := range map[string]string{
		"": "", "dialect: vllm\noutput: {reasoning: 100}": "", "dialect: sglang\nstream: {finish_chunk: with_last}": "",
		"prefix_cache: true": `,"n":2` + counted,
	} {
		s := serve(t, "engine: {ttft: 1us, itl: 1ns}\nmodels: [{id: demo-8b, max_model_len: 99999}]\n"+config)
		allocs := func(tokens int) float64 {
			body := chat(1, fmt.Sprintf(`,"max_tokens":%d,"stream":true`, tokens)+more)
			return testing.AllocsPerRun(20, func() {
				s.ServeHTTP(discard{http.Header{}}, httptest.NewRequest("POST", chatPath, strings.NewReader(body)))
			})
		}
		if few, many := allocs(500), allocs(5000); many > few+30 {
			t.Errorf("%q: %v allocations for 500 events, %v for 5000", config, few, many)
		}
	}
}

func benchmarkStream(b *testing.B, config string, events int) {
	s := serve(b, config)
	srv := httptest.NewServer(s)
	defer srv.Close()
	body := chat(1, `,"max_tokens":1000,"stream":true`)
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.Post(srv.URL+chatPath, "application/json", strings.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Fatal(err)
		}
		r.Body.Close()
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
