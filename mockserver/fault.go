package mockserver

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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

func cloneFaults(faults []Fault) []Fault {
	out := slices.Clone(faults)
	for i := range out {
		out[i].Match.Header = maps.Clone(out[i].Match.Header)
	}
	return out
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
		for name, value := range f.Match.Header {
			if value == redacted {
				bad("match.header["+name+"]", "was withheld: write the value itself")
			}
		}
		f.When.check(bad)
		f.Action.check(bad)
		f.checkConnect(bad)
	}
	return ps
}
