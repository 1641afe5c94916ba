package mockserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Fault is something that a server should not do, and when it does it. A
// fault acts on the wire, not on the engine: tokens are made on their plan
// while the connection stalls, and the place is free at the plan's end, or when
// the connection goes.
type Fault struct {
	Name   string `yaml:"name,omitempty"`   // in the truth ledger; default: "faults[i]"
	Match  Match  `yaml:"match,omitempty"`  // which requests it looks at; default: all
	When   When   `yaml:"when,omitempty"`   // which of those it hits; default: all
	Action Action `yaml:"action,omitempty"` // what happens
}

// A Match picks requests. Every condition that is given must hold.
type Match struct {
	Path   string            `yaml:"path,omitempty"`   // glob as in path.Match, over the path with its /v1
	Header map[string]string `yaml:"header,omitempty"` // exact values
	Stream *bool             `yaml:"stream,omitempty"`
}

// A When picks from the requests that matched; at most one of First, Every and
// Probability is set. Only requests that no earlier fault hit are counted.
type When struct {
	First       int     `yaml:"first,omitempty"`       // the first K
	Per         string  `yaml:"per,omitempty"`         // of what the first K are counted: total (default) | header:NAME, of each value
	Every       int     `yaml:"every,omitempty"`       // the Nth, 2Nth, ...
	Probability float64 `yaml:"probability,omitempty"` // 0 to 1: a function of the seed, the stage's name, the fault's place and the count alone
}

// An Action is either a Status or something to Do to the answer.
//
//	stall        says nothing For a while, Then goes on as Then says; a plain answer comes that much later
//	reset        cuts the connection with a TCP RST
//	clean_eof    ends the body with no end marker; a plain answer is shorter than its Content-Length
//	no_done      leaves out data: [DONE]; plain answers are untouched
//	error_event  sends an error object inside the 200 and ends; a plain answer is that object
//	html_error   sends a 200 with a page of HTML
type Action struct {
	Status     int           `yaml:"status,omitempty"`      // 400 to 599, with an OpenAI error object
	RetryAfter time.Duration `yaml:"retry_after,omitempty"` // with status: Retry-After and Retry-After-Ms
	Body       string        `yaml:"body,omitempty"`        // with status: instead of the error object
	AtToken    int           `yaml:"at_token,omitempty"`    // with do: tokens that are sent before it; past the end: right after the last
	Do         string        `yaml:"do,omitempty"`
	For        time.Duration `yaml:"for,omitempty"`  // of a stall
	Then       string        `yaml:"then,omitempty"` // after a stall: continue (default) | reset | clean_eof
}

func cloneFaults(faults []Fault) []Fault {
	out := slices.Clone(faults)
	for i := range out {
		out[i].Match.Header = maps.Clone(out[i].Match.Header)
	}
	return out
}

const (
	doStall      = "stall"
	doReset      = "reset"
	doCleanEOF   = "clean_eof"
	doNoDone     = "no_done"
	doErrorEvent = "error_event"
	doHTMLError  = "html_error"
	doContinue   = "continue"
)

// String is the action as the truth ledger writes it, "stall@17 20s then reset".
func (a Action) String() string {
	switch {
	case a.Status != 0:
		return fmt.Sprintf("status %d", a.Status)
	case a.Do == doNoDone || a.Do == doHTMLError:
		return a.Do
	case a.Do == doStall:
		return fmt.Sprintf("stall@%d %s then %s", a.AtToken, a.For, a.then())
	}
	return fmt.Sprintf("%s@%d", a.Do, a.AtToken)
}

func (a Action) then() string {
	if a.Then == "" {
		return doContinue
	}
	return a.Then
}

// faultProblems lists what is wrong with a list of faults that stands at root.
func faultProblems(root string, faults []Fault) []problem {
	var ps []problem
	for i, f := range faults {
		bad := func(where, format string, args ...any) {
			at := strings.TrimPrefix(fmt.Sprintf("%s[%d].%s", root, i, where), ".")
			ps = append(ps, problem{at, fmt.Sprintf(format, args...)})
		}
		if !validGlob(f.Match.Path) {
			bad("match.path", "%q is not a glob; write for example /v1/chat/*", f.Match.Path)
		}
		f.When.check(bad)
		f.Action.check(bad)
	}
	return ps
}

func (w When) check(bad func(where, format string, args ...any)) {
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
	name, isHeader := strings.CutPrefix(w.Per, "header:")
	switch {
	case w.Per == "" || w.Per == perTotal:
	case !isHeader || name == "":
		bad("when.per", "%q is not known; write total or header:NAME", w.Per)
	case w.First == 0:
		bad("when.per", "goes with first")
	}
}

func (a Action) check(bad func(where, format string, args ...any)) {
	switch {
	case a.Status == 0 && a.Do == "":
		bad("action", "write a status, or something to do: one of %v", doable)
	case a.Status != 0 && a.Do != "":
		bad("action", "write a status or something to do, not both")
	case a.Status != 0:
		a.checkStatus(bad)
	default:
		a.checkDo(bad)
	}
}

func (a Action) checkStatus(bad func(where, format string, args ...any)) {
	if a.Status < 400 || a.Status > 599 {
		bad("action.status", "must be 400 to 599")
	}
	if a.RetryAfter < 0 {
		bad("action.retry_after", "must not be negative")
	}
	if a.AtToken != 0 || a.For != 0 || a.Then != "" {
		bad("action", "at_token, for and then go with do, not with status")
	}
}

func (a Action) checkDo(bad func(where, format string, args ...any)) {
	if !slices.Contains(doable, a.Do) {
		bad("action.do", "%q is not supported%s; write one of %v", a.Do, yet(a.Do), doable)
		return
	}
	if a.RetryAfter != 0 || a.Body != "" {
		bad("action", "retry_after and body go with status, not with do")
	}
	if a.AtToken < 0 {
		bad("action.at_token", "must not be negative")
	}
	if a.AtToken > 0 && (a.Do == doNoDone || a.Do == doHTMLError) {
		bad("action.at_token", "has no meaning with %s", a.Do)
	}
	if a.Do != doStall {
		if a.For != 0 || a.Then != "" {
			bad("action", "for and then go with stall")
		}
		return
	}
	if a.For <= 0 {
		bad("action.for", "a stall needs a duration, for example 20s")
	}
	oneOf(bad, "action.then", a.then(), doContinue, doReset, doCleanEOF)
}
