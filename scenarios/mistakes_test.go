package scenarios_test

import (
	"strings"
	"testing"
)

// mistake is a whole scenario and the whole text of its errors.
type mistake struct{ src, want string }

func TestMistakes(t *testing.T) {
	for name, m := range mistakes() {
		t.Run(name, func(t *testing.T) {
			_, err := plan(m.src)
			if err == nil {
				t.Fatalf("no error from\n%s", m.src)
			}
			if got, want := err.Error(), strings.Trim(m.want, "\n"); got != want {
				t.Errorf("from\n%s\ngot\n%s\nwant\n%s", m.src, got, want)
			}
		})
	}
}
