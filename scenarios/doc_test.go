package scenarios_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// blocks returns the fenced blocks of a language.
func blocks(text, language string) (out []string) {
	for _, part := range strings.Split("\n"+text, "\n```"+language+"\n")[1:] {
		body, _, _ := strings.Cut(part, "\n```")
		out = append(out, body+"\n")
	}
	return out
}

// TestManualScenarios holds that each YAML block of the manual is a whole scenario that resolves.
func TestManualScenarios(t *testing.T) {
	all := docScenarios(t)
	if len(all) < 15 {
		t.Fatalf("%d blocks found", len(all))
	}
	for _, src := range all {
		mustPlan(t, src)
	}
}

// TestManualErrors holds that the manual's broken scenario gives the errors that stand below it.
func TestManualErrors(t *testing.T) {
	const broken, said = "yaml broken", "text errors"
	sources, wants := blocks(manual(t), broken), blocks(manual(t), said)
	if len(sources) == 0 || len(sources) != len(wants) {
		t.Fatalf("%d broken scenarios, %d lists of errors", len(sources), len(wants))
	}
	for i, src := range sources {
		_, err := plan(src)
		if err == nil || strings.ReplaceAll(err.Error(), "\t", "    ")+"\n" != wants[i] {
			t.Errorf("the manual says\n%s\nof\n%s\nbut it is\n%v", wants[i], src, err)
		}
	}
}

// TestManualPlan holds that the plan which the manual prints is that of its first scenario.
func TestManualPlan(t *testing.T) {
	printed := blocks(manual(t), "yaml plan")
	if len(printed) != 1 {
		t.Fatalf("%d plans printed", len(printed))
	}
	if got := text(t, mustPlan(t, docScenarios(t)[0])); got != printed[0] {
		t.Errorf("the manual prints\n%s\nthe plan is\n%s", printed[0], got)
	}
}

// TestManualIsComplete holds that each key of a scenario has its row.
func TestManualIsComplete(t *testing.T) {
	body := manual(t)
	for _, key := range keys(t) {
		if !strings.Contains(body, "\n| `"+key+"` |") {
			t.Errorf("no row of %s in the manual", key)
		}
	}
}

func manual(t testing.TB) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "docs", "scenario.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// keys asks each section for its keys, by a key that none has.
func keys(t *testing.T) (out []string) {
	t.Helper()
	for _, section := range []string{
		"%s", "target: {%s}", "workload: {%s}", "workload: {prompts: {%s}}", "workload: {prompts: {synthetic: {%s}}}",
		"workload: {prompts: {synthetic: {input_tokens: {%s}}}}", "workload: {output: {%s}}", "workload: {prompts: {text: {%s}}}", "mix: [{%s}]", "load: {%s}", "load: {closed: {%s}}",
		"load: {closed: {think_time: {%s}}}", "load: {open: {%s}}", "load: {sessions: {%s}}", "load: {batch: {%s}}", "load: {warmup: {%s}}", "load: {stop: {%s}}", "stages: [{%s}]", "client: {%s}",
		"thresholds: [{%s}]", "budget: {%s}", "budget: {prices: {%s}}",
	} {
		_, err := plan(fmt.Sprintf(section, "qqqqqqqqqqqqqqqq: 1"))
		if err == nil {
			t.Fatalf("%s takes any key", section)
		}
		_, list, ok := strings.Cut(err.Error(), "the keys here are ")
		if !ok {
			t.Fatalf("no keys in %v", err)
		}
		list, _, _ = strings.Cut(list, "\n")
		out = append(out, strings.Split(list, ", ")...)
	}
	return out
}
