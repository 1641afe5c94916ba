package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llmload/llmload/client"
)

const benchEvents = 128

func benchBody() string {
	var b strings.Builder
	for range benchEvents {
		b.WriteString(`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795391297,"model":"demo","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}]}` + "\n\n")
	}
	return b.String() + ends("length") + counts(10, benchEvents) + done
}

// streamServer flushes after each event, so that most come in a read of their own.
func streamServer(b *testing.B) string {
	events := strings.SplitAfter(benchBody(), "\n\n")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, e := range events {
			_, _ = io.WriteString(w, e)
			w.(http.Flusher).Flush()
		}
	}))
	b.Cleanup(srv.Close)
	return srv.URL
}

// BenchmarkSendStream is one streamed call of 128 events over loopback, server
// included: reading and stamping alone, and with decoding.
func BenchmarkSendStream(b *testing.B) {
	url := streamServer(b)
	for _, decode := range []bool{false, true} {
		b.Run(fmt.Sprintf("decode=%v", decode), func(b *testing.B) {
			c, err := client.New(b.Context(), url, measuring)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				x := c.Send(b.Context(), hello(true))
				if err := x.Attempts[0].Err; err != nil {
					b.Fatal(err)
				}
				if decode {
					if resp, err := x.Decode(); err != nil || resp.ContentEvents != benchEvents {
						b.Fatal(resp, err)
					}
				}
			}
		})
	}
}

// BenchmarkBareStream is the same call with net/http alone, nothing stamped or
// decoded: what BenchmarkSendStream is to be compared with.
func BenchmarkBareStream(b *testing.B) {
	url := streamServer(b)
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		req, err := http.NewRequest("POST", url, strings.NewReader("{}"))
		if err != nil {
			b.Fatal(err)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = resp.Body.Read(buf)
		}
		resp.Body.Close()
	}
}

// BenchmarkDecodeEvent is the cost of decoding alone, an event.
func BenchmarkDecodeEvent(b *testing.B) {
	same := benchBody()
	for name, body := range map[string]string{
		"alike":     same,
		"different": strings.ReplaceAll(same, `" hello"`, `" hel\u006co"`), // the escape needs the JSON parser
	} {
		b.Run(name, func(b *testing.B) {
			s := &server{answer: keeping(streamHead, httpChunk(body), lastChunk)}
			c := newClient(b, s, measuring)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				x := c.Send(b.Context(), hello(true))
				b.StartTimer()
				if _, err := x.Decode(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchEvents, "ns/event")
		})
	}
}

// BenchmarkMetrics is a snapshot while calls go on.
func BenchmarkMetrics(b *testing.B) {
	c := newClient(b, &server{answer: keeping(answered("a"))}, measuring)
	for range 10 {
		if _, err := c.Chat(b.Context(), hello(false)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if m := c.Metrics(); m.Requests != 10 {
				b.Error(m)
			}
		}
	})
}
