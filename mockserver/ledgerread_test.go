package mockserver_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// follow reads the ledger as it grows. The channel is closed at its end.
func follow(ctx context.Context, t *testing.T, s *mockserver.Server, query string) (header http.Header, ns chan int64) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://localhost/admin/truth?follow=1"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := pipe(t, s.Admin()).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	ns = make(chan int64, 1000)
	go func() {
		defer resp.Body.Close()
		defer close(ns)
		for sc := bufio.NewScanner(resp.Body); sc.Scan(); {
			var rec mockserver.Record
			if err := json.Unmarshal(sc.Bytes(), &rec); err != nil {
				t.Error(err)
			}
			ns <- rec.N
		}
	}()
	return resp.Header, ns
}

// read takes what a follower has by now; ended says that there will be no more.
func read(ns chan int64) (got []int64, ended bool) {
	synctest.Wait()
	for {
		select {
		case n, ok := <-ns:
			if !ok {
				return got, true
			}
			got = append(got, n)
		default:
			return got, false
		}
	}
}

func TestAFollowerGetsRecordsAsTheyCome(t *testing.T) {
	for _, c := range []struct {
		name, query string
		first       []int64 // of 3 records that are there
		end         func(s *mockserver.Server, leave context.CancelFunc)
		last        []int64 // after a fifth record
	}{
		{"until the server is closed", "", []int64{1, 2, 3}, func(s *mockserver.Server, _ context.CancelFunc) { s.Close() }, nil},
		{"from a cursor on", "&since=2", []int64{3}, func(s *mockserver.Server, _ context.CancelFunc) { s.Close() }, nil},
		{"until the caller leaves", "", []int64{1, 2, 3}, func(_ *mockserver.Server, leave context.CancelFunc) { leave() }, nil},
		{"until the time is over", "&wait=5s", []int64{1, 2, 3}, func(*mockserver.Server, context.CancelFunc) { time.Sleep(5 * time.Second) }, nil},
		{"until a reset", "", []int64{1, 2, 3}, func(s *mockserver.Server, _ context.CancelFunc) { admin(s, "POST", "/admin/reset", "") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {model: none}")
				hits(s, 3, nil)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				_, ns := follow(ctx, t, s, c.query)
				if got, ended := read(ns); !slices.Equal(got, c.first) || ended {
					t.Errorf("at first %v, ended %v", got, ended)
				}
				hits(s, 1, nil)
				if got, ended := read(ns); !slices.Equal(got, []int64{4}) || ended {
					t.Errorf("then %v, ended %v", got, ended)
				}
				c.end(s, leave)
				if got, ended := read(ns); len(got) != 0 || !ended {
					t.Errorf("at last %v, ended %v", got, ended)
				}
			})
		})
	}
}

func TestAFollowerGetsWhatTheClosingServerCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "")
		_, ns := follow(t.Context(), t, s, "")
		c := pipe(t, s)
		go func() {
			if r, err := call(t.Context(), c, "http://h"+chatPath, chat(1, "")); err == nil {
				r.Body.Close()
			}
		}()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got, ended := read(ns); !slices.Equal(got, []int64{1}) || !ended {
			t.Errorf("got %v, ended %v", got, ended)
		}
	})
}

// A follower that does not read blocks neither requests nor the end.
func TestAFollowerThatDoesNotReadBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}")
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/admin/truth?follow=1&wait=1m", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := pipe(t, s.Admin()).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		hits(s, 500, nil)
		if got := s.State(); got.Records != 500 || got.InFlight != 0 {
			t.Errorf("state %+v", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestACursorBehindTheOldestSaysWhatIsMissing(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	for range 10_500 {
		post(s, completionsPath, `{"model":"demo-8b","prompt":"x","max_tokens":1}`)
	}
	for since, want := range map[int64]string{0: "500", 200: "300", 499: "1", 500: "0", 10_500: "0", 99_999: "0"} {
		w := admin(s, "GET", fmt.Sprint("/admin/truth?since=", since), "")
		if got := w.Header().Get("X-Truth-Dropped"); got != want {
			t.Errorf("since %d: %s dropped, want %s", since, got, want)
		}
	}
}

// Reading ends with what was there at its start, or a busy server would never let it go.
func TestAReadEndsThoughRecordsKeepComing(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	hits(s, 100, nil)
	w := &writeHook{ResponseRecorder: httptest.NewRecorder(), hook: func() { hits(s, 1, nil) }}
	s.Admin().ServeHTTP(w, local(httptest.NewRequest("GET", "/admin/truth?since=10", nil)))
	sc, n := bufio.NewScanner(w.Body), 0
	for sc.Scan() {
		n++
	}
	if n != 90 {
		t.Errorf("%d records, want 90", n)
	}
}
