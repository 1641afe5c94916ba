package mockserver_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

func TestNaturalLengthsAreThoseOfTheirDistribution(t *testing.T) {
	const n = 2000
	for _, c := range []struct {
		name, natural string
		mean, stddev  float64 // of what is drawn; stddev < 0 is not checked
		least, most   int
	}{
		{"a number alone is uniform", "200", 200, 100 / math.Sqrt(3), 100, 300},
		{"so is a mean alone", "{mean: 200}", 200, 100 / math.Sqrt(3), 100, 300},
		{"uniform with a spread", "{mean: 200, dist: uniform, stddev: 10}", 200, 10, 182, 218},
		{"normal", "{mean: 200, stddev: 20}", 200, 20, 100, 300},
		{"normal by its cv", "{mean: 200, cv: 0.1}", 200, 20, 100, 300},
		{"lognormal", "{mean: 200, cv: 0.5, dist: lognormal}", 200, 100, 20, 2000},
		{"constant", "{mean: 200, dist: constant}", 200, 0, 200, 200},
		{"bounded", "{mean: 200, cv: 0.5, min: 190, max: 210}", 200, -1, 190, 210},
		{"never below one token", "{mean: 2, stddev: 9}", 5, -1, 1, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, "engine: {model: none}\noutput: {natural: "+c.natural+"}")
			var sum, squares float64
			for _, text := range answersTo(t, s, n) {
				tokens := len(strings.Fields(text))
				if tokens < c.least || tokens > c.most {
					t.Fatalf("%d tokens", tokens)
				}
				sum += float64(tokens)
				squares += float64(tokens) * float64(tokens)
			}
			mean := sum / n
			stddev := math.Sqrt(max(squares/n-mean*mean, 0))
			if c.stddev < 0 {
				return
			}
			// Five standard errors of the mean, and a tenth of the spread.
			if math.Abs(mean-c.mean) > 5*c.stddev/math.Sqrt(n)+0.5 || math.Abs(stddev-c.stddev) > 0.1*c.stddev+0.5 {
				t.Errorf("mean %.1f, standard deviation %.1f; want %.1f, %.1f", mean, stddev, c.mean, c.stddev)
			}
		})
	}
}

// answersTo gives the texts that n prompts get in one request.
func answersTo(t *testing.T, s *mockserver.Server, n int) []string {
	t.Helper()
	prompts := make([]string, n)
	for i := range prompts {
		prompts[i] = fmt.Sprintf("%q", fmt.Sprint("prompt ", i))
	}
	var v struct{ Choices []struct{ Text string } }
	w := post(s, completionsPath, `{"model":"demo-8b","prompt":[`+strings.Join(prompts, ",")+`]}`)
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || len(v.Choices) != n {
		t.Fatalf("%v, %d answers", err, len(v.Choices))
	}
	texts := make([]string, n)
	for i, c := range v.Choices {
		texts[i] = c.Text
	}
	return texts
}
