package compat_test

import (
	"strings"
	"testing"
)

// TestBrokenStreams says what these clients make of a stream that goes wrong. Both take a body that ends without its end marker
// for the end of the answer: only the missing finish reason tells, and the mock must not send one.
func TestBrokenStreams(t *testing.T) {
	const none, ofTheAPI, other = "none", "of the API", "other"
	for _, row := range []struct {
		that, action string
		err          string
		words        int
		finish       string
	}{
		{"an error inside the stream", `{do: error_event, at_token: 3}`, ofTheAPI, 3, ""},
		{"an error in place of the first token", `{do: error_event}`, ofTheAPI, 0, ""},
		{"a body that ends early", `{do: clean_eof, at_token: 3}`, none, 3, ""},
		{"a reset", `{do: reset, at_token: 3}`, other, 3, ""},
		{"a missing end marker", `{do: no_done}`, none, 8, "length"},
		{"a pause", `{do: stall, at_token: 3, for: 20ms}`, none, 8, "length"},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachClient(t, fault(row.action), func(t *testing.T, c client) {
				a, err := c.stream(bounded(t), question{limit: 8})
				r, isAPI := c.refusal(err)
				got := map[bool]string{true: ofTheAPI, false: other}[isAPI]
				if err == nil {
					got = none
				}
				// A reset may overtake what was sent before it.
				if n := len(strings.Fields(a.text)); got != row.err || a.finish != row.finish || n > row.words || n < row.words && got != other {
					t.Errorf("%d words, finish %q, error %s (%v); want %d, %q, %s", n, a.finish, got, err, row.words, row.finish, row.err)
				}
				if want := (refusal{0, "server_error", "internal_error", ""}); isAPI && r != want {
					t.Errorf("%+v, want %+v", r, want)
				}
			})
		})
	}
}

func TestBrokenPlainAnswersAreErrors(t *testing.T) {
	for _, action := range []string{`{do: clean_eof}`, `{do: reset}`, `{do: html_error}`} {
		eachClient(t, fault(action), func(t *testing.T, c client) {
			if a, err := c.ask(bounded(t), question{limit: 8}); err == nil {
				t.Errorf("%s: taken for the answer %q", action, a.text)
			}
		})
	}
}
