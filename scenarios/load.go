package scenarios

import (
	"fmt"
	"strconv"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

func (r *resolver) checkLoad(d draft, s Stage) {
	if d.load.Requests != nil {
		r.inRange(d.place("load.requests"), "requests", s.Requests, 1, maxRequests)
	}
	if d.load.Duration != nil && s.Duration == 0 {
		r.fail(d.place("load.duration"), "duration must be above 0, such as 30s")
	}
	r.inRange(d.place("load.warmup.requests"), "warm-up requests", d.load.Warmup.Requests, 0, maxRequests)
	for _, t := range []struct {
		key string
		d   time.Duration
	}{{"duration", s.Duration}, {"warmup.duration", s.Warmup.Duration}, {"pause", s.Pause}} {
		r.checkTime(d.place("load."+t.key), t.key, t.d)
	}
	for _, w := range s.Workloads() {
		r.checkBatchMode(d, s, w)
	}
	if d.load.Closed != nil && d.load.Open != nil {
		r.fail(d.place("load.open"), "load has both closed and open: leave one")
	}
	for _, list := range []string{"load.closed.concurrency", "load.open.rate", "load.sessions.rate", "load.batch.size"} {
		if n := d.root.Get(d.place(list)); n.Kind() == strictyaml.Sequence && len(n.Items()) == 0 {
			r.fail(d.place(list), "the list is empty: write a value or remove the key")
		}
	}
}

// combinations is how many stages the draft's lists make.
func (d draft) combinations() int {
	levels := 1
	if d.load.Closed != nil {
		levels = max(levels, len(d.load.Closed.Concurrency))
	}
	if d.load.Open != nil {
		levels = max(levels, len(d.load.Open.Rate))
	}
	if d.load.Sessions != nil {
		levels = max(levels, len(d.load.Sessions.Open.Rate))
	}
	return levels * max(1, len(d.load.Batch.Size)) * max(1, min(d.rounds(), maxStages+1))
}

// multiply makes one stage for each combination of the draft's lists. Each list is checked, whatever the other holds.
func (r *resolver) multiply(d draft, base Stage) []Stage {
	sizes := []int{1}
	if len(d.load.Batch.Size) > 0 {
		sizes = r.valid(d, "load.batch.size", "batch size", d.load.Batch.Size, maxBatch)
	}
	var out []Stage
	for _, s := range r.loads(d, base) {
		for _, size := range sizes {
			one := s
			one.BatchSize = size
			if n := one.InFlight(); n > maxInFlight && !one.Open() {
				r.fail(d.place("load.batch.size"), "concurrency %d with batches of %d puts %d requests in flight: at most %d",
					s.Concurrency, size, n, maxInFlight)
			}
			if len(sizes) > 1 || size > 1 {
				one.Name += ",batch=" + strconv.Itoa(size)
			}
			out = append(out, one)
		}
	}
	return r.repeat(d, nameStages(d.name, out))
}

// valid reports the values of a list that are outside 1 to most, and returns the others.
func (r *resolver) valid(d draft, path, what string, values []int, most int) (out []int) {
	for i, v := range values {
		if v >= 1 && v <= most {
			out = append(out, v)
		} else {
			r.inRange(d.place(fmt.Sprintf("%s[%d]", path, i)), what, v, 1, most)
		}
	}
	return out
}

// nameStages gives an entry's own name to its only stage, and puts it before the combination's where there are more.
func nameStages(name string, stages []Stage) []Stage {
	if name == "" {
		return stages
	}
	for i := range stages {
		if len(stages) == 1 {
			stages[i].Name = name
		} else {
			stages[i].Name = name + "/" + stages[i].Name
		}
	}
	return stages
}

func (r *resolver) loads(d draft, base Stage) []Stage {
	if d.load.Sessions != nil {
		return openLoads(base, &d.load.Sessions.Open, "sessions")
	}
	if d.load.Open != nil {
		return openLoads(base, d.load.Open, "")
	}
	levels := []int{1}
	if d.load.Closed != nil && len(d.load.Closed.Concurrency) > 0 {
		levels = r.valid(d, "load.closed.concurrency", "concurrency", d.load.Closed.Concurrency, maxInFlight)
	}
	base.ThinkTime = r.thinkTime(d)
	var out []Stage
	for _, c := range levels {
		s := base
		s.Name, s.Concurrency = "c="+strconv.Itoa(c), c
		out = append(out, s)
	}
	return out
}

// openLoads makes a stage for each rate of what arrives in an open loop; name says what does, where those are no requests.
func openLoads(base Stage, o *openSpec, name string) []Stage {
	if !base.process.steady() {
		if base.Name, base.Rate = base.process.label(), base.meanRate(); name != "" {
			base.Name = name + "," + base.Name
		}
		return []Stage{base}
	}
	if name == "" {
		name = "rate"
	}
	var out []Stage
	for _, rate := range o.Rate {
		if rate <= 0 {
			continue // could not be read
		}
		s := base
		s.Name, s.Rate = name+"="+rate.String(), rate
		out = append(out, s)
	}
	return out
}
