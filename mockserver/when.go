package mockserver

import (
	"strconv"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// A When picks from the requests that matched, or from connections; at most one
// of First, Every and Probability is set, and Window with any of them. Only what
// no earlier fault hit, and what came inside the window, is counted.
type When struct {
	First       int     `yaml:"first,omitempty"`       // the first K
	Per         string  `yaml:"per,omitempty"`         // of what the first K are counted: total (default) | header:NAME, of each value | key, of each API key
	Every       int     `yaml:"every,omitempty"`       // the Nth, 2Nth, ...
	Probability float64 `yaml:"probability,omitempty"` // 0 to 1: a function of the seed, the stage's name, the fault's place and the count alone
	Window      Window  `yaml:"window,omitempty"`      // when it can hit at all; the zero value is always
}

// A Window is a part of a stage's time, counted from the stage's start.
type Window struct {
	Start  time.Duration `yaml:"start,omitempty"`
	For    time.Duration `yaml:"for,omitempty"`    // 0: to the stage's end
	Repeat time.Duration `yaml:"repeat,omitempty"` // from one start to the next; 0: once
}

const (
	perTotal  = "total"
	perKey    = "key"
	perHeader = "header:"
)

// covers says whether t, counted from the stage's start, is inside.
func (w Window) covers(t time.Duration) bool {
	t -= w.Start
	if t >= 0 && w.Repeat > 0 {
		t %= w.Repeat
	}
	return t >= 0 && (w.For == 0 || t < w.For)
}

// edge is the first moment after t at which the window opens or closes.
func (w Window) edge(t time.Duration) (at time.Duration, ok bool) {
	if t < w.Start {
		return w.Start, true
	}
	if w.For == 0 {
		return 0, false
	}
	begin := w.Start
	if w.Repeat > 0 {
		begin += (t - w.Start) / w.Repeat * w.Repeat
	}
	switch end := begin + w.For; {
	case t < end:
		return end, true
	case w.Repeat > 0:
		return begin + w.Repeat, true
	}
	return 0, false
}

// UnmarshalNode reads a When.
func (w *When) UnmarshalNode(n strictyaml.Node) error {
	type plain When
	err := n.Decode((*plain)(w))
	zeros := map[string]bool{
		"first": w.First == 0, "every": w.Every == 0, "probability": w.Probability == 0, "window.for": w.Window.For == 0,
	}
	for key, zero := range zeros {
		at := n.Get(key)
		if v, bad := strconv.ParseFloat(strings.TrimSuffix(at.Text(), "s"), 64); zero && bad == nil && v == 0 {
			err = strictyaml.Join(err, at.Errorf("", "0 hits nothing; leave the fault out"))
		}
	}
	return err
}

func (w When) check(bad complaint) {
	set := 0
	for _, on := range []bool{w.First != 0, w.Every != 0, w.Probability != 0} {
		if on {
			set++
		}
	}
	if set > 1 {
		bad("when", "write one of first, every, probability")
	}
	if w.First < 0 {
		bad("when.first", "must not be negative")
	}
	if w.Every < 0 {
		bad("when.every", "must not be negative")
	}
	if w.Probability < 0 || w.Probability > 1 {
		bad("when.probability", "must be between 0 and 1, for example 0.05 for one in twenty")
	}
	name, isHeader := strings.CutPrefix(w.Per, perHeader)
	switch {
	case w.Per == "" || w.Per == perTotal:
	case w.Per != perKey && (!isHeader || name == ""):
		bad("when.per", "%q is not known; write total, key or header:NAME", w.Per)
	case w.First == 0:
		bad("when.per", "goes with first")
	}
	w.Window.check(bad)
}

func (w Window) check(bad complaint) {
	switch {
	case w.Start < 0 || w.For < 0 || w.Repeat < 0:
		bad("when.window", "start, for and repeat must not be negative")
	case w.Repeat > 0 && w.For == 0:
		bad("when.window", "repeat needs for: how long the window is open each time")
	case w.Repeat > 0 && w.Repeat <= w.For:
		bad("when.window.repeat", "must be longer than for (%s): it counts from one start to the next", w.For)
	}
}

// checkConnect is about what a connection, which has no request yet, can be picked by.
func (f Fault) checkConnect(bad complaint) {
	if f.Action.Connect == "" {
		return
	}
	if f.Match.Path != "" || f.Match.Header != nil || f.Match.Stream != nil {
		bad("match", "a connect fault looks at connections, before any request; leave match out")
	}
	if f.When.Per != "" && f.When.Per != perTotal {
		bad("when.per", "a connection has no header yet; write total")
	}
	if f.Action.Connect == doRefuse && (f.When.First != 0 || f.When.Every != 0 || f.When.Probability != 0) {
		bad("when", "connect refuse closes the listening socket; write a window, or nothing for the whole stage")
	}
}
