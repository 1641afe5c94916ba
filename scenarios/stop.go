package scenarios

import "strings"

// Stop is what ends a stage before its requests or its time do. The zero value ends none.
type Stop struct {
	ErrorRate float64 `yaml:"error_rate,omitempty"` // share of failed requests from which on it ends; 0: none
	Saturated bool    `yaml:"saturated,omitempty"`  // open loop: ends when the server cannot keep up
	Run       bool    `yaml:"run,omitempty"`        // what ends the stage ends the run
}

// stopSpec is a Stop as written.
type stopSpec struct {
	ErrorRate *float64 `yaml:"error_rate"`
	Saturated bool     `yaml:"saturated"`
	Ends      string   `yaml:"ends"`
}

// stop resolves the rules. Saturation is for a steady open loop of requests: in a closed one nothing in flight can grow, and
// where the rate changes, or the turns of a session wait for each other, growth is no sign. A rule that such a stage inherits
// is not for it; written there, it is a mistake.
func (r *resolver) stop(d draft, s *Stage) {
	w := d.load.Stop
	s.Stop = Stop{ErrorRate: orZero(w.ErrorRate), Saturated: w.Saturated, Run: w.Ends == "run"}
	if w.ErrorRate != nil && !(*w.ErrorRate > 0 && *w.ErrorRate <= 1) {
		r.fail(d.place("load.stop.error_rate"), "error_rate %v is not a share above 0 and at most 1, such as 0.5", *w.ErrorRate)
	}
	if w.Ends != "" && w.Ends != "stage" && w.Ends != "run" {
		r.fail(d.place("load.stop.ends"), "%.60q is not one of stage, run", w.Ends)
	}
	if steady := d.load.Open != nil && s.process.steady(); w.Saturated && !steady {
		s.Stop.Saturated = false
		if at := d.place("load.stop.saturated"); strings.HasPrefix(at, d.path) {
			r.fail(at, "saturated needs an open loop with an even rate: in a closed loop, requests in flight cannot grow, and where the rate changes, or turns of sessions wait for each other, their growth is no sign")
		}
	}
	if s.Stop == (Stop{Run: true}) {
		s.Stop = Stop{}
	}
}

// repeat makes the rounds of an entry's stages: c=1, c=8, c=1#2, c=8#2. Rounds rather than repeats of each stage in a row,
// so that a server that changes over time changes for all of them.
func (r *resolver) repeat(d draft, stages []Stage) []Stage {
	n := d.rounds()
	r.inRange(d.place("load.repeat"), "repeat", n, 1, maxStages)
	once := len(stages)
	for round := 2; round <= n; round++ {
		for _, s := range stages[:once] {
			s.Name += "#" + number(float64(round))
			stages = append(stages, s)
		}
	}
	return stages
}

// rounds is how often the draft's stages run.
func (d draft) rounds() int {
	if d.load.Repeat == nil {
		return 1
	}
	return *d.load.Repeat
}
