package mockserver_test

import (
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
