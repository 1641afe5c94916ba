package scenarios

import (
	"fmt"
	"time"
)

// timeLine says how long a plan takes at most, as far as anything bounds it: requests or durations its load, time-outs its
// answers.
func (p *Plan) timeLine() string {
	answer, endless := p.longestAnswer()
	var load, whole time.Duration
	walk, about := int64(maxWalk), false
	for i := range p.Stages {
		s := &p.Stages[i]
		sends, prompts, rough, ok := s.sendingTime(&walk)
		if endless != "" && !ok {
			return fmt.Sprintf("time unbounded: stage %s ends with its last answer, and %s", s.Name, endless)
		}
		about = about || rough || s.ThinkTime.Stddev > 0 && s.ThinkTime.Max == 0
		load += sends
		whole += sends + s.waves(prompts, ok)*s.held(p.Client.RateLimit, answer)
		if i < len(p.Stages)-1 {
			load, whole = load+s.Pause, whole+s.Pause
		}
	}
	most := "at most"
	if about {
		most = "about"
	}
	if endless != "" {
		return fmt.Sprintf("time %s %s of load; unbounded beside it: counted warm-ups and each stage's last answers, as %s", most, rounded(load), endless)
	}
	return fmt.Sprintf("time %s %s, if each answer takes as long as the client's time-outs let it", most, rounded(whole))
}

// rounded keeps what a person reads.
func rounded(d time.Duration) time.Duration {
	if d > time.Minute {
		return d.Round(time.Second)
	}
	return d.Round(time.Millisecond)
}

// longestAnswer is how long a request may take from its first attempt's start; endless says why there is no bound.
func (p *Plan) longestAnswer() (d time.Duration, endless string) {
	for i := range p.Stages {
		if p.Stages[i].Stream {
			return 0, "no time-out ends a stream that goes on"
		}
		if p.Stages[i].Sessions != nil {
			return 0, "a session goes on with its answers"
		}
	}
	switch {
	case p.Client.Timeout == 0:
		return 0, "client.timeout is off"
	case p.Client.MaxRetries > 0:
		return 0, "a server may have retries wait"
	}
	return time.Duration(p.Client.Timeout), ""
}

// sendingTime is how long a stage sends measured load, from its start or from the end of a warm-up of requests. ok is false
// where answers alone end it. prompts is how many wait for the places of others, one behind the other.
func (s *Stage) sendingTime(walk *int64) (d time.Duration, prompts int64, about, ok bool) {
	if !s.Open() {
		prompts = int64(s.Warmup.Requests)
		if s.Duration == 0 {
			prompts += int64(s.Requests)
		}
		// Behind a warm-up of time, the first measured request leaves when a worker is free.
		return s.Warmup.Duration + s.Duration, prompts, s.Warmup.Duration > 0, s.Duration > 0
	}
	schedule := s.Schedule()
	for a, more := schedule.Next(0); more && !a.Tail; a, more = schedule.Next(0) {
		d = a.At
		prompts += 2 * int64(a.Size) // the tail has as many
		if *walk--; *walk <= 0 {
			return s.meanTime(), prompts, true, true
		}
	}
	return d, prompts, false, true
}

// meanTime is how long an open loop of more arrivals than are looked at takes, by its mean rate.
func (s *Stage) meanTime() time.Duration {
	d := s.Duration
	if n := float64(s.Requests) / float64(s.BatchSize) / float64(s.Rate); s.Requests > 0 && (d == 0 || n < d.Seconds()) {
		d = time.Duration(n * float64(time.Second))
	}
	warmup := float64(s.Warmup.Requests) / float64(s.BatchSize) / float64(s.Rate)
	return d + max(s.Warmup.Duration, time.Duration(warmup*float64(time.Second)))
}

// waves is how often, one behind the other, a stage's places are taken by so many prompts; where time ends it, the last
// answers come on top.
func (s *Stage) waves(prompts int64, timed bool) time.Duration {
	places := int64(s.InFlight())
	if !s.Open() {
		places = int64(s.Workers() * s.BatchSize)
	}
	waves := time.Duration((prompts + places - 1) / places)
	if timed {
		waves++
	}
	return waves
}

// held is an answer's longest time, with what the client's own rate limit makes of it where all places wait.
func (s *Stage) held(limit Cap, answer time.Duration) time.Duration {
	switch n := s.InFlight(); {
	case limit.PerMinute > 0:
		answer += time.Duration(n/limit.PerMinute+1) * time.Minute
	case limit.PerSecond > 0:
		answer += time.Duration(float64(n) / limit.PerSecond * float64(time.Second))
	}
	return answer + max(s.ThinkTime.Max, s.ThinkTime.Mean)
}
