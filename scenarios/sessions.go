package scenarios

import (
	"math/rand/v2"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// Sessions is conversations: they arrive in an open loop, and within each the next turn waits for the answer to the last
// one and then for the tool delay.
type Sessions struct {
	Turns        Lengths `yaml:"turns"` // of a session, at most 1000
	ToolDelay    Delays  `yaml:"tool_delay,omitempty"`
	SystemTokens int     `yaml:"system_tokens,omitempty"` // of a system prompt that all sessions of the stage share; 0: none
}

// Delays is a time that is drawn: Mean alone, or a distribution as Lengths has them, to the millisecond.
type Delays struct {
	Distribution Distribution  `yaml:"distribution,omitempty"`
	Mean         time.Duration `yaml:"mean,omitempty"`
	Stddev       time.Duration `yaml:"stddev,omitempty"`
	Min          time.Duration `yaml:"min,omitempty"`
	Max          time.Duration `yaml:"max,omitempty"`
}

// UnmarshalNode takes `2s` and `{mean: 2s, stddev: 1s}`.
func (d *Delays) UnmarshalNode(n strictyaml.Node) error {
	*d = Delays{}
	if n.Kind() == strictyaml.Scalar {
		return n.Decode(&d.Mean)
	}
	type plain Delays
	return n.Decode((*plain)(d))
}

// Draw returns a delay.
func (d Delays) Draw(r *rand.Rand) time.Duration {
	if d.Distribution != Uniform && d.Stddev == 0 {
		return d.Mean
	}
	return time.Duration(d.inMilliseconds().Draw(r)) * time.Millisecond
}

func (d Delays) inMilliseconds() Lengths {
	ms := func(d time.Duration) int { return int(d.Milliseconds()) }
	return Lengths{Distribution: d.Distribution, Mean: ms(d.Mean), Stddev: ms(d.Stddev), Min: ms(d.Min), Max: ms(d.Max)}
}

const (
	defaultTurns = 5
	maxTurns     = 1000
	maxDelay     = 2 * time.Hour // below the ten million milliseconds that a drawn delay can have
)

// size is how many prompts the unit of an index has: a batch, or the turns of a session.
func (s *Stage) size(index int64) int {
	if s.Sessions == nil {
		return s.BatchSize
	}
	return min(s.Sessions.Turns.Draw(rand.New(rand.NewPCG(mix(s.seed, 0x7075), uint64(index)))), maxTurns)
}

// Turn returns what a session says in a turn, counted from 0. A session keeps to one workload of a mix. Its Input is 0:
// the answers before it are among its tokens.
func (s *Stage) Turn(session Arrival, turn int, nonce uint64) Request {
	r := s.request(s.chosen(session.First), session.First+int64(turn), 1, nonce)
	r.Input = 0
	return r
}

// ToolDelay is how long a session waits after the answer to a turn.
func (s *Stage) ToolDelay(session Arrival, turn int) time.Duration {
	return s.Sessions.ToolDelay.Draw(rand.New(rand.NewPCG(mix(s.seed, 0xde1a), uint64(session.First)+uint64(turn))))
}

// System is the system prompt that all sessions of the stage share, new in every run; "" where there is none.
func (s *Stage) System(nonce uint64) string {
	if s.Sessions == nil || s.Sessions.SystemTokens == 0 {
		return ""
	}
	r := rand.New(rand.NewPCG(mix(s.seed, 0x5a7e), 0))
	return synthetic(r, s.nonce(sharedIndex, nonce), s.Sessions.SystemTokens)
}

// sessions resolves the section and refuses what it cannot stand beside.
func (r *resolver) sessions(d draft, s *Stage) {
	in := d.load.Sessions
	if in == nil {
		if r.spec.Target.Connections == PerSession {
			r.fail("target.connections", "connections per_session need load.sessions, in each stage")
		}
		return
	}
	at := func(key string) string { return d.place("load.sessions." + key) }
	out := &Sessions{Turns: Lengths{Mean: defaultTurns}, ToolDelay: in.ToolDelay, SystemTokens: orZero(in.SystemTokens)}
	if in.Turns != nil {
		out.Turns = *in.Turns
		r.checkLengths(at("turns"), "turns", out.Turns)
	}
	if largest := out.Turns.largest(); largest > maxTurns {
		r.fail(at("turns"), "turns of up to %d: at most %d", largest, maxTurns)
	}
	r.checkDelays(at("tool_delay"), out.ToolDelay)
	if in.SystemTokens != nil {
		r.inRange(at("system_tokens"), "system_tokens", *in.SystemTokens, 1, maxTokens)
	}
	if d.load.Open != nil || d.load.Closed != nil {
		r.fail(d.place("load.sessions"), "load has sessions beside open or closed: leave one")
	}
	if len(d.load.Batch.Size) > 0 || d.load.Batch.Mode != "" {
		r.fail(d.place("load.batch"), "a session sends one turn at a time: leave batch out")
	}
	if r.spec.Budget != nil {
		r.fail(d.place("load.sessions"), "a budget cannot bound sessions: each turn sends the answers before it, whose length is not known ahead; use load.open, or leave budget out")
	}
	for i, w := range s.Workloads() {
		r.checkTalk(d.works[i], w)
	}
	s.Sessions = out
}

// checkTalk refuses workloads that are no conversation.
func (r *resolver) checkTalk(at work, w *Workload) {
	switch {
	case w.API != Chat:
		r.fail(at.place("api"), "sessions are conversations: use api chat")
	case w.Prompts.Source == "batch":
		r.fail(at.place("prompts.batch"), "a session grows by its own answers, a request of a batch file is whole: use another source")
	case w.Prompts.Cache != Cold:
		r.fail(at.place("prompts.cache"), "each turn of a session repeats the ones before it, and the cache holds those: leave cache out; system_tokens is a head that sessions share")
	}
}

func (r *resolver) checkDelays(at string, d Delays) {
	for _, v := range []time.Duration{d.Mean, d.Stddev, d.Min, d.Max} {
		if v < 0 || v > maxDelay {
			r.fail(at, "tool_delay %s is outside 0s to %s", v, maxDelay)
			return
		}
	}
	if d.Distribution == Uniform || d.Stddev > 0 {
		r.checkLengths(at, "tool_delay in milliseconds", d.inMilliseconds())
	} else if d.Min != 0 || d.Max != 0 || d.Distribution != "" {
		r.fail(at, "a tool_delay with bounds or a distribution needs a stddev")
	}
}
