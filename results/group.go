package results

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/llmload/llmload/internal/metric"
)

// Group is the part of a stage's requests that have something in common. Its figures mean what the stage's mean.
type Group struct {
	By         string                  `json:"by"`    // shard, workload, turn, endpoint, or the name of a label
	Value      string                  `json:"value"` // what By is of these requests
	Requests   Requests                `json:"requests"`
	Outcomes   map[Outcome]int64       `json:"outcomes"`
	Success    *float64                `json:"success_rate"`
	Throughput Throughput              `json:"throughput"`
	Goodput    Goodput                 `json:"goodput"`
	Tokens     TokenTotals             `json:"tokens"`
	Metrics    map[metric.Name]*Metric `json:"metrics"`
}

// groupKey names a group.
type groupKey struct{ by, value string }

// groupsOf are the groups that a record belongs to.
func groupsOf(r *Record) (keys []groupKey) {
	if r.Workload != "" {
		keys = append(keys, groupKey{"workload", r.Workload})
	}
	if r.Turn > 0 {
		keys = append(keys, groupKey{"turn", strconv.Itoa(r.Turn)})
	}
	if r.Endpoint != "" {
		keys = append(keys, groupKey{"endpoint", r.Endpoint})
	}
	for name, value := range r.Labels {
		keys = append(keys, groupKey{name, value})
	}
	return keys
}

// maxGroups is how many values of one name have a group; a server's header may be new in each answer.
const maxGroups = 100

// otherValues is the group of those that came after them.
const otherValues = "(other)"

// addGroups counts a request in each of its groups, which are collectors of their own.
func (c *Collector) addGroups(r *Record) {
	for _, key := range groupsOf(r) {
		c.group(key).count(r)
	}
}

func (c *Collector) group(key groupKey) *Collector {
	if g, ok := c.groups[key]; ok {
		return g
	}
	if c.values[key.by] >= maxGroups && key.value != otherValues {
		return c.group(groupKey{key.by, otherValues})
	}
	g := NewCollector(c.info, c.bounds)
	c.groups[key] = g
	c.values[key.by]++
	return g
}

// warnGroups says where a name had more values than rows.
func (c *Collector) warnGroups() (w []string) {
	for _, by := range slices.Sorted(maps.Keys(c.values)) {
		if _, ok := c.groups[groupKey{by, otherValues}]; ok {
			w = append(w, fmt.Sprintf("%s had more than %d values: the requests of the others stand in one row, %s", by, maxGroups, otherValues))
		}
	}
	return w
}

func (c *Collector) mergeGroups(o *Collector) error {
	for key, g := range o.groups {
		if err := c.group(key).Merge(g); err != nil {
			return err
		}
	}
	return nil
}

// summarizeGroups lists the groups by name, numbers in their order.
func (c *Collector) summarizeGroups() (out []Group) {
	for key, g := range c.groups {
		s := g.Summarize()
		out = append(out, GroupOf(key.by, key.value, &s))
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(number(a.Value), number(b.Value)), cmp.Compare(a.Value, b.Value))
	})
	return out
}

// GroupOf has the figures of a part's own summary.
func GroupOf(by, value string, s *StageSummary) Group {
	return Group{
		By: by, Value: value, Requests: s.Requests, Outcomes: s.Outcomes, Success: s.Success,
		Throughput: s.Throughput, Goodput: s.Goodput, Tokens: s.Tokens, Metrics: s.Metrics,
	}
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // what is no number sorts as text
	return n
}
