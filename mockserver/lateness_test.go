package mockserver_test

import (
	"bufio"
	"testing"
	"testing/synctest"
	"time"
)

// A reader that pauses blocks the server's writes: in a bubble, nothing else
// makes a token late.
func TestLateness(t *testing.T) {
	for _, row := range []struct {
		sentence, config string
		pause            time.Duration // of the reader, once
		tokens           int64
		atMost, atLeast  float64 // ms, of the latest token
	}{
		{"a reader that keeps up sees every token on its plan", "", 0, 50, 0, 0},
		{"what the server writes late counts", "", 5 * ms, 50, 5, 3},
		{"what its reader holds back for longer than 10 ms does not", "", 2 * time.Second, 50, 0, 0},
		{"nor what a fault holds back", "\nfaults: [{action: {do: stall, at_token: 9, for: 5ms}}]", 0, 50, 0, 0},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {ttft: 20ms, itl: 1ms}"+row.config)
				r, err := call(t.Context(), pipe(t, s), "http://h"+chatPath, chat(5, `,"max_tokens":50,"stream":true`))
				if err != nil {
					t.Fatal(err)
				}
				lines := 0
				for sc := bufio.NewScanner(r.Body); sc.Scan(); lines++ {
					if lines == 20 {
						time.Sleep(row.pause)
					}
				}
				r.Body.Close()
				if _, err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				if l := s.State().Lateness; l.Tokens != row.tokens || l.MaxMS > row.atMost || l.MaxMS < row.atLeast {
					t.Errorf("%+v", l)
				}
				if _, err := s.BeginStage("next", nil); err != nil {
					t.Fatal(err)
				}
				if l := s.State().Lateness; l.Tokens != 0 || l.P99MS != 0 {
					t.Errorf("in the next stage: %+v", l)
				}
			})
		})
	}
}

func TestAPlainAnswerHasALatenessToo(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	if w := post(s, chatPath, chat(3, `,"max_tokens":4`)); w.Code != 200 {
		t.Fatal(w.Code)
	}
	if l := s.State().Lateness; l.Tokens != 1 {
		t.Errorf("%+v", l)
	}
}
