package cli_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/cli"
	"github.com/llmload/llmload/scenarios"
)

// 192.0.2.1 stands in documents for any public address (RFC 5737). Nothing is sent.
func TestLoadLeavesOnlyWithABudgetOrAWord(t *testing.T) {
	for _, c := range []struct {
		sentence, scenario string
		yes, allowed       bool
	}{
		{"a public address is asked for", "target: {endpoint: http://192.0.2.1/v1}", false, false},
		{"--yes is the answer", "target: {endpoint: http://192.0.2.1/v1}", true, true},
		{"so is a budget", "target: {endpoint: http://192.0.2.1/v1}\nbudget: {total_tokens: 5k}", false, true},
		{"this machine is not asked for", "target: {endpoint: http://127.0.0.1/v1}", false, true},
		{"nor is a private network", "target: {endpoint: http://10.1.2.3/v1}", false, true},
		{"nor is the mock", "", false, true},
	} {
		spec, err := scenarios.Parse("s.yaml", []byte(c.scenario), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := spec.Plan()
		if err != nil {
			t.Fatal(err)
		}
		err = cli.Confirm(t.Context(), cli.IO{In: strings.NewReader("y\n")}, plan, c.yes)
		if (err == nil) != c.allowed {
			t.Errorf("%s: %v", c.sentence, err)
		}
	}
}
