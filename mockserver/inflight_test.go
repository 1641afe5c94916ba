package mockserver_test

import (
	"io"
	"net/http/httptest"
	"sync"
	"testing"
)

// A worker that sees the end of its answer may go on at once: the server has
// let the attempt go before. Else closed loops would be counted too wide.
func TestAnAttemptHasLeftBeforeItsClientSeesTheEnd(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{when: {every: 5}, action: {at_token: 2, do: reset}}, {when: {every: 7}, action: {status: 500}}]")
	srv := httptest.NewServer(s)
	defer srv.Close()
	const workers = 4
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			body := chat(5, `,"max_tokens":600`+[]string{"", `,"stream":true`}[i%2])
			for range 100 {
				if r, err := call(t.Context(), srv.Client(), srv.URL+chatPath, body); err == nil {
					_, _ = io.Copy(io.Discard, r.Body) // resets are part of it
					r.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	if st := s.State(); st.MaxInFlightSeen > workers || st.InFlight != 0 || st.Attempts != 100*workers || st.Records != 100*workers {
		t.Errorf("state %+v with %d workers", st, workers)
	}
}
