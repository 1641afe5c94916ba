package runner_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/llmload/llmload/scenarios/runner"
)

// dialled counts connections by the address that was asked for.
type dialled struct {
	mu         sync.Mutex
	by         map[string]int
	open, most int // connections at once
}

// counted tells when it is closed.
type counted struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (c *counted) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

func (d *dialled) through(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	d.by = map[string]int{}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d.mu.Lock()
		d.by[addr]++
		d.open++
		d.most = max(d.most, d.open)
		d.mu.Unlock()
		conn, err := dial(ctx, network, addr)
		return &counted{Conn: conn, closed: func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.open--
		}}, err
	}
}

// TestConnections holds how many connections each way of using them opens for 20 requests of one worker.
func TestConnections(t *testing.T) {
	for _, c := range []struct {
		target string
		want   map[string]int
	}{
		{"{endpoint: http://mock}", map[string]int{"mock:80": 1}},
		{"{endpoint: http://mock, connections: reuse}", map[string]int{"mock:80": 1}},
		{"{endpoint: http://mock, connections: fresh}", map[string]int{"mock:80": 20}},
		{"{endpoint: [http://mock, http://other]}", map[string]int{"mock:80": 1, "other:80": 1}},
		{"{endpoint: [http://mock, http://other], connections: fresh}", map[string]int{"mock:80": 10, "other:80": 10}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, "engine: {model: fixed, ttft: 5ms, itl: 1ms}")
			defer b.close()
			var d dialled
			b.dial = d.through(b.pipes.dial)
			out := runOn(t, b, "target: "+c.target+"\nworkload: {output: {tokens: 3}}\nload: {closed: {concurrency: 1}, requests: 20}", 1, 0)
			if !maps.Equal(d.by, c.want) {
				t.Errorf("%s: dialled %v, want %v", c.target, d.by, c.want)
			}
			for _, r := range out.records {
				if fresh := strings.Contains(c.target, "fresh"); fresh && r.Attempts[0].Reused {
					t.Errorf("%s: request %d came over a used connection", c.target, r.Seq)
				}
			}
		})
	}
}

// TestEndpointsTakeTurns holds that requests go to the endpoints in turn and that each has its row.
func TestEndpointsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "engine: {model: none}")
		defer b.close()
		out := runOn(t, b, "target: {endpoint: [http://mock, \"http://other/v1?key=a-long-secret\", http://third]}\nload: {closed: {concurrency: 4}, requests: 30}", 1, 0)
		labels := []string{"http://mock", "http://other/v1", "http://third"}
		for _, r := range out.records {
			if want := labels[r.Seq%3]; r.Endpoint != want {
				t.Errorf("request %d went to %s, want %s", r.Seq, r.Endpoint, want)
			}
		}
		for i, g := range out.Stages[0].Groups {
			if g.By != "endpoint" || g.Value != labels[i] || g.Requests.Succeeded != 10 {
				t.Errorf("group %s %s of %+v", g.By, g.Value, g.Requests)
			}
		}
		if len(out.Stages[0].Groups) != 3 {
			t.Errorf("%d groups", len(out.Stages[0].Groups))
		}
	})
}

// TestRateLimitsHoldForAllEndpoints holds that several clients share the plan's limit.
func TestRateLimitsHoldForAllEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "engine: {model: none}")
		defer b.close()
		out := runOn(t, b, "target: {endpoint: [http://mock, http://other]}\nclient: {rate_limit: 10/s}\nload: {closed: {concurrency: 4}, requests: 21}", 1, 0)
		if w := out.Stages[0].Window; w.DurationS+w.DrainS < 1.99 {
			t.Errorf("21 requests at 10/s took %v s", w.DurationS+w.DrainS)
		}
	})
}

// TestHeadersAreLabels holds that chosen headers of answers are kept, have rows, and show no secret.
func TestHeadersAreLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "engine: {model: none}")
		defer b.close()
		var n int
		var mu sync.Mutex
		b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			n++
			w.Header().Set("X-Replica", fmt.Sprint(n%2))
			w.Header().Set("X-Each", fmt.Sprintf("%s %d", r.Header.Get("X-Tenant"), n))
			mu.Unlock()
			b.ServeHTTP(w, r)
		})
		out := runOn(t, b, "target: {endpoint: http://mock, headers: {X-Tenant: tenant-secret}, label_headers: [X-Replica, x-each, x-none]}\nload: {closed: {concurrency: 1}, requests: 300}", 1, 0)
		rows := map[string]int64{}
		each := int64(0)
		for _, g := range out.Stages[0].Groups {
			if g.By == "x-each" {
				each += g.Requests.Issued
				continue
			}
			rows[g.By+" "+g.Value] = g.Requests.Issued
		}
		if want := map[string]int64{"x-replica 0": 150, "x-replica 1": 150}; !maps.Equal(rows, want) || each != 300 {
			t.Errorf("rows %v, want %v; %d requests in rows of x-each", rows, want, each)
		}
		if w := strings.Join(out.Stages[0].Warnings, "\n"); !strings.Contains(w, "x-each had more than 100 values") || strings.Contains(w, "x-replica") {
			t.Errorf("warnings %q", w)
		}
		for _, r := range out.records {
			if len(r.Labels) != 2 || !strings.HasPrefix(r.Labels["x-each"], "[redacted] ") {
				t.Errorf("request %d has %v", r.Seq, r.Labels)
			}
		}
	})
}

// TestHostIsSent holds that a Host among the headers is the request's own, which net/http takes from nowhere but its field.
func TestHostIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "engine: {model: none}")
		defer b.close()
		var hosts sync.Map
		b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hosts.Store(r.Host, true)
			b.ServeHTTP(w, r)
		})
		out := runOn(t, b, "target: {endpoint: http://mock, headers: {host: tenant.example}}\nload: {requests: 5}", 1, 0)
		var seen []any
		hosts.Range(func(host, _ any) bool { seen = append(seen, host); return true })
		if n := out.Stages[0].Requests.Succeeded; n != 5 || len(seen) != 1 || seen[0] != "tenant.example" {
			t.Errorf("%d succeeded, the server was asked for %v", n, seen)
		}
	})
}

// TestWhatIsSecretIsTakenOut holds the one rule of what is long enough to be a secret: of a key 4 bytes, of a header's value 8.
func TestWhatIsSecretIsTakenOut(t *testing.T) {
	p := plan(t, `
target:
  endpoint: "http://mock/v1?k=abcd&version=2024-10-21"
  api_key: hush
  headers: {X-Tier: gold, Authorization: "Bearer swordfish"}
`)
	const echo = "hush, gold swordfish: GET /v1?k=abcd&version=2024-10-21 of version 2024-10-21"
	const want = "[redacted], gold [redacted]: GET /v1?[redacted] of version [redacted]"
	if got := runner.Redactor(p).Replace(echo); got != want {
		t.Errorf("%s", got)
	}
}
