package mockserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Clients that leave while their request begins to wait, where the scheduler's
// lock is sought after so that the moment is long: with an hour to the first
// token none may be sent anything, nor be taken for served.
func TestWhoLeavesBeforeTheFirstTokenIsSentNothing(t *testing.T) {
	s := serve(t, "engine: {ttft: 1h}\nfaults: [{action: {do: bad_json}}]")
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for n := range 1000 {
				ctx, leave := context.WithCancel(t.Context())
				go func() {
					for range n % 20 {
						s.State()
					}
					leave()
				}()
				r := httptest.NewRequest("POST", chatPath, strings.NewReader(chat(1, `,"stream":true,"max_tokens":3`)))
				s.ServeHTTP(discard{http.Header{}}, r.WithContext(ctx))
			}
		})
	}
	clients.Wait()
	for _, rec := range s.Truth(0) {
		if rec.Status != 0 || rec.Outcome != "client_gone" {
			t.Fatalf("%+v", rec)
		}
	}
}
