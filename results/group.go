package results

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/llmload/llmload/internal/metric"
)

// Group is the part of a stage's requests that have something in common. Its figures mean what the stage's mean.
type Group struct {
	By         string                  `json:"by"`    // workload
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
	return keys
}

// addGroups counts a request in each of its groups, which are collectors of their own.
func (c *Collector) addGroups(r *Record) {
	for _, key := range groupsOf(r) {
		c.group(key).count(r)
	}
}

func (c *Collector) group(key groupKey) *Collector {
	g, ok := c.groups[key]
	if !ok {
		g = NewCollector(c.info, c.bounds)
		c.groups[key] = g
	}
	return g
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
		out = append(out, Group{
			By: key.by, Value: key.value, Requests: s.Requests, Outcomes: s.Outcomes, Success: s.Success,
			Throughput: s.Throughput, Goodput: s.Goodput, Tokens: s.Tokens, Metrics: s.Metrics,
		})
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.By, b.By), cmp.Compare(number(a.Value), number(b.Value)), cmp.Compare(a.Value, b.Value))
	})
	return out
}

func number(text string) int {
	n, _ := strconv.Atoi(text) // what is no number sorts as text
	return n
}
