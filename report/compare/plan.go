package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

// PlanError says that two runs carried out different plans, and what differs.
type PlanError struct {
	Differences []string // key: base -> new; empty where a plan's text is not known
}

func (e *PlanError) Error() string {
	if len(e.Differences) == 0 {
		return "the runs carried out different plans (their plan_sha256 differ), and the text of one is missing"
	}
	return "the runs carried out different plans:\n  " + strings.Join(e.Differences, "\n  ")
}

// checkPlans refuses plans that are known to differ. Where one is not known checkOrigins says so.
func (r *Result) checkPlans(base, new Run, force bool) error {
	a, b := base.Summary.Run.PlanSHA256, new.Summary.Run.PlanSHA256
	if a == b || a == "" || b == "" {
		return nil
	}
	err := &PlanError{planDifferences(base.Plan, new.Plan)}
	if !force {
		return err
	}
	r.note("%s; compared all the same", strings.ReplaceAll(err.Error(), "\n", " "))
	return nil
}

// identifies are the keys of a plan that its hash covers, by their first step, but for the target's connections.
var identifies = []string{"seed", "client", "budget", "stages"}

// planDifferences lists the keys in which two plans differ, as far as they decide what is sent.
func planDifferences(base, new []byte) (out []string) {
	a, b := flatten(base), flatten(new)
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	keys := slices.Sorted(maps.Keys(a))
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	const most = 20
	for _, key := range keys {
		x, inBase := a[key]
		y, inNew := b[key]
		if x != y || inBase != inNew {
			out = append(out, fmt.Sprintf("%s: %s -> %s", key, orLeftOut(x, inBase), orLeftOut(y, inNew)))
		}
	}
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("and %d more", len(out)-most))
	}
	return out
}

func orLeftOut(text string, there bool) string {
	if !there {
		return "left out"
	}
	return text
}

// flatten gives each leaf of a plan its path. Stages go by their names, so that one more stage is not a change of all.
func flatten(plan []byte) map[string]string {
	root, err := strictyaml.Parse("plan.yaml", plan, nil)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for _, key := range identifies {
		leaves(out, key, root.Get(key))
	}
	leaves(out, "target.connections", root.Get("target.connections"))
	return out
}

func leaves(out map[string]string, path string, n strictyaml.Node) {
	switch n.Kind() {
	case strictyaml.Mapping:
		for _, key := range n.Keys() {
			leaves(out, path+"."+key, n.Get(key))
		}
	case strictyaml.Sequence:
		for i, item := range n.Items() {
			step := fmt.Sprintf("%s[%d]", path, i)
			if name := item.Get("name"); !name.IsZero() {
				step = fmt.Sprintf("%s[%s]", path, name.Text())
			}
			leaves(out, step, item)
		}
	default:
		if !n.IsZero() {
			out[path] = n.Text()
		}
	}
}
