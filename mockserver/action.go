package mockserver

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// An Action is one of Status, Do and Connect, with the keys that go with it;
// Catalogue lists them.
type Action struct {
	Status     int           `yaml:"status,omitempty"`      // 400 to 599, with an OpenAI error object
	RetryAfter time.Duration `yaml:"retry_after,omitempty"` // Retry-After and Retry-After-Ms
	Body       string        `yaml:"body,omitempty"`        // instead of the error object
	AtToken    int           `yaml:"at_token,omitempty"`    // tokens that are sent before it; past the end: at the last event
	Do         string        `yaml:"do,omitempty"`          // what happens to the answer
	For        time.Duration `yaml:"for,omitempty"`         // how long it takes
	Then       string        `yaml:"then,omitempty"`        // after a stall: continue (default) | reset | clean_eof
	Kind       string        `yaml:"kind,omitempty"`        // which of several ways
	Size       int           `yaml:"size,omitempty"`        // bytes
	Connect    string        `yaml:"connect,omitempty"`     // what happens to a connection of Server.Listen
}

const (
	maxSize      = 1 << 30 // bytes of an injected body or event
	defaultEvent = 128 << 10
	splitPause   = 10 * time.Millisecond
)

// row is the catalogue's; nil where the action names none.
func (a Action) row() *deed {
	switch {
	case a.Status != 0:
		return deedOf("status", "")
	case a.Do != "":
		return deedOf("do", a.Do)
	}
	return deedOf("connect", a.Connect)
}

// keys are those that go with others and are set, in the order of the struct.
func (a Action) keys() (set []string) {
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"retry_after", a.RetryAfter != 0},
		{"body", a.Body != ""},
		{"at_token", a.AtToken != 0},
		{"for", a.For != 0},
		{"then", a.Then != ""},
		{"kind", a.Kind != ""},
		{"size", a.Size != 0},
	} {
		if k.set {
			set = append(set, k.name)
		}
	}
	return set
}

// String is the action as the truth ledger writes it, "stall@17 20s then reset";
// that of an action which says nothing is "none".
func (a Action) String() string {
	if a.Status != 0 {
		return fmt.Sprintf("status %d", a.Status)
	}
	d := a.row()
	if d == nil {
		return cmp.Or(a.Do, a.Connect, "none")
	}
	text := d.name
	if d.key == "connect" {
		text = "connect " + text
	}
	if slices.Contains(d.takes, "at_token") {
		text += fmt.Sprintf("@%d", a.AtToken)
	}
	if a.Kind != "" {
		text += " " + a.Kind
	}
	if a.For != 0 {
		text += " " + a.For.String()
	}
	if d.ends == mayBegin {
		text += " then " + a.then()
	}
	return text
}

func (a Action) then() string {
	if a.Then == "" {
		return doContinue
	}
	return a.Then
}

func (a Action) kind(d *deed) string {
	if a.Kind == "" && len(d.kinds) > 0 {
		return d.kinds[0]
	}
	return a.Kind
}

// complaint takes what is wrong at a place of the config.
type complaint func(where, format string, args ...any)

func (a Action) check(bad complaint) {
	set := 0
	for _, on := range []bool{a.Status != 0, a.Do != "", a.Connect != ""} {
		if on {
			set++
		}
	}
	if set != 1 {
		bad("action", "write one of status, do and connect; do is one of %s; connect is one of %s", deedNames("do"), deedNames("connect"))
		return
	}
	d := a.row()
	switch {
	case d != nil:
		a.checkKeys(bad, d)
	case a.Do != "":
		bad("action.do", "%q is not known; write one of %s", a.Do, deedNames("do"))
	default:
		bad("action.connect", "%q is not known; write one of %s", a.Connect, deedNames("connect"))
	}
}

func (a Action) checkKeys(bad complaint, d *deed) {
	title := strings.TrimSuffix(d.key+" "+d.name, " ")
	for _, key := range a.keys() {
		switch {
		case slices.Contains(d.takes, key):
		case d.takes == nil:
			bad("action."+key, "does not go with %s, which takes no other key", title)
		default:
			bad("action."+key, "does not go with %s, which takes %s", title, strings.Join(d.takes, ", "))
		}
	}
	if d.needs == "for" && a.For == 0 {
		bad("action.for", "%s needs a duration, for example 20s", title)
	}
	if d.kinds != nil && !slices.Contains(d.kinds, a.kind(d)) {
		bad("action.kind", "%q is not known; %s has %s", a.Kind, title, strings.Join(d.kinds, ", "))
	}
	a.checkValues(bad, d)
}

func (a Action) checkValues(bad complaint, d *deed) {
	if d.key == "status" && (a.Status < 400 || a.Status > 599) {
		bad("action.status", "must be 400 to 599")
	}
	if d.ends == mayBegin {
		oneOf(bad, "action.then", a.then(), doContinue, doReset, "clean_eof")
	}
	if a.RetryAfter < 0 {
		bad("action.retry_after", "must not be negative")
	}
	if a.For < 0 {
		bad("action.for", "must not be negative")
	}
	if a.AtToken < 0 {
		bad("action.at_token", "must not be negative")
	}
	if a.Size < 0 || a.Size > maxSize {
		bad("action.size", "must be 0 to %d bytes", maxSize)
	}
}

// faultHeader is a request's own fault: an action in YAML, or none.
const (
	faultHeader = "X-Mock-Fault"
	headerFault = "header" // its name in the ledger
	noFault     = "none"
)

func ownFault(r *http.Request) string { return strings.TrimSpace(r.Header.Get(faultHeader)) }

// requestFault reads a request's own fault. It is given where the header is
// there; nil then switches the configured faults off.
func requestFault(r *http.Request) (k *strike, given bool, bad *apiError) {
	value := ownFault(r)
	if value == "" || value == noFault {
		return nil, value != "", nil
	}
	var a Action
	n, err := strictyaml.Parse(faultHeader, []byte(value), nil)
	if err == nil {
		var ps []problem
		err = n.Decode(&a)
		a.check(func(where, format string, args ...any) {
			where = strings.TrimPrefix(strings.TrimPrefix(where, "action"), ".")
			ps = append(ps, problem{where, fmt.Sprintf(format, args...)})
		})
		if a.Connect != "" {
			ps = append(ps, problem{"connect", "a connection that carries a request is past its connect faults; write do or status"})
		}
		err = strictyaml.Join(err, located(n, ps))
	}
	if err != nil {
		return nil, true, invalid(faultHeader, "%s; write for example {do: stall, at_token: 3, for: 1s}, or none", err)
	}
	return newStrike(headerFault, a), true, nil
}
