package mockserver_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// A mock server in a test: every second request is refused.
func ExampleNew() {
	mock, err := mockserver.New(mockserver.Config{
		Engine: mockserver.Engine{TTFT: 5 * time.Millisecond, ITL: time.Millisecond},
		Faults: []mockserver.Fault{{
			Name:   "busy",
			When:   mockserver.When{Every: 2},
			Action: mockserver.Action{Status: 429, RetryAfter: time.Second},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer mock.Close()
	srv := httptest.NewServer(mock)
	defer srv.Close()

	for range 2 {
		r, err := http.Post(srv.URL+"/v1/chat/completions", "application/json", strings.NewReader(
			`{"model": "demo-8b", "messages": [{"role": "user", "content": "three word prompt"}], "max_tokens": 8}`))
		if err != nil {
			fmt.Println(err)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
		fmt.Printf("%d, retry after %q\n", r.StatusCode, r.Header.Get("Retry-After"))
	}
	for _, rec := range mock.Truth(0) {
		fmt.Printf("%d: %d in, %d out, %s\n", rec.Seq, rec.PromptTokens, rec.PlannedTokens, rec.Outcome)
	}
	// Output:
	// 200, retry after ""
	// 429, retry after "1"
	// 1: 3 in, 8 out, done
	// 2: 0 in, 0 out, fault
}

// A server that is down, on a port that is its own, until the next stage begins.
func ExampleServer_Listen() {
	mock, err := mockserver.New(mockserver.Config{
		Faults: []mockserver.Fault{{Action: mockserver.Action{Connect: "refuse"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer mock.Close()
	srv := httptest.NewUnstartedServer(nil)
	srv.Config, srv.Listener = mock.HTTPServer(), mock.Listen(srv.Listener)
	srv.Start()
	defer srv.Close()

	_, err = http.Get(srv.URL + "/v1/models")
	fmt.Println("refused:", errors.Is(err, syscall.ECONNREFUSED))
	if _, err := mock.BeginStage("up", []mockserver.Fault{}); err != nil {
		fmt.Println(err)
		return
	}
	r, err := http.Get(srv.URL + "/v1/models")
	if err != nil {
		fmt.Println(err)
		return
	}
	r.Body.Close()
	fmt.Println("answered:", r.StatusCode)
	// Output:
	// refused: true
	// answered: 200
}
