package scenarios_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/mistakes.txt with what is said now")

var mistakesFile = filepath.Join("testdata", "mistakes.txt")

// mistake is a whole scenario and the whole text of its errors.
type mistake struct{ sentence, src, want string }

// mistakes reads the table: `## sentence`, the scenario, a line `=>`, the errors.
func mistakes(t testing.TB) (head string, table []mistake) {
	t.Helper()
	body, err := os.ReadFile(mistakesFile)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(body), "\n## ")
	for _, part := range parts[1:] {
		sentence, rest, _ := strings.Cut(part, "\n\n")
		src, want, ok := strings.Cut(rest, "=>\n")
		if !ok {
			t.Fatalf("no => below %q", sentence)
		}
		table = append(table, mistake{sentence, src, strings.Trim(want, "\n")})
	}
	return parts[0], table
}

func TestMistakes(t *testing.T) {
	head, table := mistakes(t)
	if len(table) < 40 {
		t.Fatalf("%d mistakes in %s", len(table), mistakesFile)
	}
	var now strings.Builder
	now.WriteString(head)
	for _, m := range table {
		t.Run(m.sentence, func(t *testing.T) {
			_, err := plan(m.src)
			if err == nil {
				t.Fatalf("no error from\n%s", m.src)
			}
			now.WriteString("\n## " + m.sentence + "\n\n" + m.src + "=>\n" + err.Error() + "\n")
			if got := err.Error(); got != m.want && !*update {
				t.Errorf("from\n%s\ngot\n%s\nwant\n%s", m.src, got, m.want)
			}
		})
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(mistakesFile, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
