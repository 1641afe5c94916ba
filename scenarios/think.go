package scenarios

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// ThinkTime is how long a worker of a closed loop waits between an answer and its next request: a time, or a normal
// distribution cut at Min and Max. The zero value is no wait.
type ThinkTime struct {
	Mean   time.Duration `yaml:"mean"`
	Stddev time.Duration `yaml:"stddev,omitempty"`
	Min    time.Duration `yaml:"min,omitempty"`
	Max    time.Duration `yaml:"max,omitempty"` // 0: none
}

// UnmarshalNode takes `2s` and `{mean: 2s, stddev: 500ms}`.
func (t *ThinkTime) UnmarshalNode(n strictyaml.Node) error {
	if n.Kind() == strictyaml.Scalar {
		*t = ThinkTime{}
		return n.Decode(&t.Mean)
	}
	type plain ThinkTime
	return n.Decode((*plain)(t))
}

// Think is a worker's wait behind the unit of an index.
func (s *Stage) Think(index int64) time.Duration {
	t := s.ThinkTime
	wait := t.Mean
	if t.Stddev > 0 {
		r := rand.New(rand.NewPCG(mix(s.seed, 0x7417), uint64(index)))
		wait = time.Duration(math.Round(float64(t.Mean) + r.NormFloat64()*float64(t.Stddev)))
	}
	wait = max(wait, t.Min, 0)
	if t.Max > 0 {
		wait = min(wait, t.Max)
	}
	return wait
}

func (r *resolver) thinkTime(d draft) (t ThinkTime) {
	if d.load.Closed == nil {
		return t
	}
	t = d.load.Closed.ThinkTime
	at := d.place("load.closed.think_time")
	for _, part := range []struct {
		name string
		d    time.Duration
	}{{"mean of think_time", t.Mean}, {"stddev of think_time", t.Stddev}, {"min of think_time", t.Min}, {"max of think_time", t.Max}} {
		r.checkTime(at, part.name, part.d)
	}
	if t.Mean == 0 && t != (ThinkTime{}) {
		r.fail(at, "think_time needs a mean: write 2s, or {mean: 2s, stddev: 500ms}")
	}
	if t.Max > 0 && t.Max < t.Min {
		r.fail(at, "think_time has min %s above max %s", t.Min, t.Max)
	}
	return t
}
