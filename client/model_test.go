package client_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// asked counts the questions for the list of models.
func asked(s *server) (n int) {
	for _, r := range s.got() {
		if r.method == "GET" {
			n++
		}
	}
	return n
}

func TestServersFirstModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		modelsOr(s, func(n int, conn net.Conn) bool {
			time.Sleep(time.Second)
			return keeping(plain(200, "application/json", modelList))(n, conn)
		}, keeping(answered("a")))
		c := newClient(t, s, measuring)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := c.Generate(t.Context(), "p", client.GenerateOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if _, err := c.Generate(t.Context(), "p", client.GenerateOptions{}); err != nil {
			t.Error(err)
		}
		if asked(s) != 1 || len(s.got()) != 22 {
			t.Errorf("asked %d times for the models in %d requests, want once in 22", asked(s), len(s.got()))
		}
		for i := range s.got() {
			if s.got()[i].method == "POST" && sent(t, s, i)["model"] != "first" {
				t.Errorf("request %d: model %v", i, sent(t, s, i)["model"])
			}
		}
	})
}

func TestModelThatIsNamedIsNotAskedFor(t *testing.T) {
	for sentence, tt := range map[string]struct {
		cfg client.Config
		r   client.Request
	}{
		"by the request":                 {client.Config{}, client.Request{Model: "m"}},
		"by the configuration":           {client.Config{Model: "m"}, client.Request{}},
		"by the request's extra fields":  {client.Config{}, client.Request{Extra: map[string]any{"model": "m"}}},
		"by the configuration's as well": {client.Config{ExtraBody: map[string]any{"model": "m"}}, client.Request{}},
	} {
		s := &server{answer: keeping(answered("a"))}
		tt.cfg.MaxRetries, tt.r.Messages = client.Off, msgs
		newClient(t, s, tt.cfg).Send(t.Context(), tt.r)
		if len(s.got()) != 1 || sent(t, s, 0)["model"] != "m" {
			t.Errorf("%s: %+v", sentence, s.got())
		}
	}
}

func TestNoModelToBeFound(t *testing.T) {
	for _, tt := range []struct{ sentence, answer, kind, outcome, says string }{
		{"no list", plain(404, "text/plain", "no page"), "api 404", "http_4xx", "http://test.invalid/v1/models: status 404: no page (asked for its first model: neither Request.Model nor Config.Model names one)"},
		{"an empty list", plain(200, "application/json", `{"data":[]}`), "malformed", "malformed", "http://test.invalid/v1/models: answer is malformed: the list is empty (asked"},
	} {
		s := &server{answer: keeping(tt.answer)}
		c := newClient(t, s, measuring)
		for n := 1; n <= 2; n++ { // a failure is not remembered
			_, err := c.Generate(t.Context(), "p", client.GenerateOptions{})
			if !strings.HasPrefix(kind(err), tt.kind) || !strings.HasPrefix(err.Error(), tt.says) || len(s.got()) != n {
				t.Errorf("%s: %v after %d requests", tt.sentence, err, len(s.got()))
			}
		}
		if st := c.Stream(t.Context(), client.Request{Messages: msgs}); st.Next() || !strings.HasPrefix(kind(st.Err()), tt.kind) {
			t.Errorf("%s: the stream says %v", tt.sentence, st.Err())
		}
		if _, _, err := c.Embed(t.Context(), client.Request{Prompts: []string{"p"}}); !strings.HasPrefix(kind(err), tt.kind) {
			t.Errorf("%s: Embed says %v", tt.sentence, err)
		}
		if m := c.Metrics(); m.Requests != 4 || m.Attempts != 0 || m.Retries != 0 || m.Outcomes[tt.outcome] != 4 {
			t.Errorf("%s: %+v, want 4 requests without attempts", tt.sentence, m)
		}
		c.Chat(t.Context(), client.Request{})
		c.Stream(t.Context(), client.Request{}).Close()
		if m := c.Metrics(); m.Requests != 4 {
			t.Errorf("%s: what was never a request is counted: %+v", tt.sentence, m)
		}
	}
}

// TestABatchAsksOnceForTheModel: not again for each wave of its calls.
func TestABatchAsksOnceForTheModel(t *testing.T) {
	for _, tt := range []struct {
		sentence, answer, kind string
		requests               int
		outcome                string
	}{
		{"that there is", plain(200, "application/json", modelList), "ok", 7, "ok"},
		{"that there is not", plain(404, "text/plain", "no page"), "api 404", 1, "http_4xx"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{}
			modelsOr(s, keeping(tt.answer), keeping(answered("a")))
			c := newClient(t, s, client.Config{MaxConcurrent: 2})
			for i, r := range c.GenerateBatch(t.Context(), make([]string, 6), client.GenerateOptions{}) {
				if kind(r.Err) != tt.kind || (r.Generation == nil) == (r.Err == nil) {
					t.Errorf("%s, prompt %d: %v", tt.sentence, i, r.Err)
				}
			}
			if m := c.Metrics(); asked(s) != 1 || len(s.got()) != tt.requests || m.Requests != 6 || m.Outcomes[tt.outcome] != 6 {
				t.Errorf("%s: asked %d times in %d requests, metrics %+v", tt.sentence, asked(s), len(s.got()), m)
			}
			c.GenerateBatch(t.Context(), nil, client.GenerateOptions{})
			if len(s.got()) != tt.requests {
				t.Errorf("%s: an empty batch asks", tt.sentence)
			}
		})
	}
}

// TestModelQuestionOutlivesItsAsker: one caller's deadline is not the others'.
func TestModelQuestionOutlivesItsAsker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		modelsOr(s, func(n int, conn net.Conn) bool {
			if n == 0 {
				io.Copy(io.Discard, conn)
				return false
			}
			return keeping(plain(200, "application/json", modelList))(n, conn)
		}, keeping(answered("a")))
		c := newClient(t, s, measuring)
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.Generate(hasty, "p", client.GenerateOptions{}); kind(err) != "timeout total" {
				t.Errorf("the hasty one: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := c.Generate(t.Context(), "p", client.GenerateOptions{}); err != nil {
				t.Errorf("the patient one: %v", err)
			}
		})
		brief, end := context.WithTimeout(t.Context(), time.Millisecond)
		defer end()
		begun := time.Now()
		if _, err := c.Generate(brief, "p", client.GenerateOptions{}); kind(err) != "timeout queue" || time.Since(begun) != time.Millisecond {
			t.Errorf("the one that does not wait: %v after %v", err, time.Since(begun))
		}
		all.Wait()
		if asked(s) != 2 {
			t.Errorf("asked %d times, want twice", asked(s))
		}
	})
}

// TestAPanicOfTheProgramsOwnCodeEndsTheQuestion: a server recovers from what
// its Observer does, and the next call must not wait for ever.
func TestAPanicOfTheProgramsOwnCodeEndsTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		modelsOr(s, keeping(plain(200, "application/json", `{"data":[{"id":"first"}]}`)), keeping(answered("a")))
		var panicked bool
		cfg := client.Config{RateLimit: client.Off, Observer: func(client.AttemptEvent) {
			if !panicked {
				panicked = true
				panic("at the disco")
			}
		}}
		c := newClient(t, s, cfg)
		r := hello(false)
		r.Model = ""
		func() {
			defer func() { recover() }()
			c.Chat(t.Context(), r)
		}()
		if _, err := c.Chat(t.Context(), r); err != nil {
			t.Error(err)
		}
	})
}
