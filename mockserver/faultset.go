package mockserver

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxCountedKeys bounds the memory of `per`; beyond it the value that was seen
// longest ago counts from the start again.
const maxCountedKeys = 100_000

// A faultSet decides which fault hits a request. Its counters live as long as
// one stage.
type faultSet struct {
	mu     sync.Mutex
	faults []Fault
	counts []faultCount
	start  time.Duration // of the stage
}

type faultCount struct {
	total int
	hits  int
	keys  *simplelru.LRU[uint64, int] // per value of a header or per API key, by its hash
	dice  *rand.Rand
}

// newFaultSet begins a stage at a time of the server's clock.
func newFaultSet(seed uint64, stage string, faults []Fault, start time.Duration) *faultSet {
	s := &faultSet{faults: faults, counts: make([]faultCount, len(faults)), start: start}
	for i := range faults {
		c := &s.counts[i]
		// One stream of numbers a fault and stage: the k-th draw depends on
		// nothing else, however requests of other faults interleave.
		c.dice = rand.New(rand.NewPCG(seed^hashString(stage), uint64(i)+1))
		c.keys, _ = simplelru.NewLRU[uint64, int](maxCountedKeys, nil) // fails only for a size below 1
	}
	return s
}

// draw decides which fault hits the request.
func (x *exchange) draw(r *http.Request, stream bool, faults *faultSet) (bad *apiError) {
	if faults.connects() && !x.s.gates.listens.Load() {
		return &apiError{http.StatusInternalServerError, "a connect fault acts on a listener: serve the mock on Server.Listen", "server_error", "", ""}
	}
	x.strike, bad = faults.decide(r, stream, x.s.clock.now())
	switch {
	case x.strike != nil:
		x.rec.Fault, x.rec.Action = x.strike.name, x.strike.String()
	case ownFault(r) == noFault:
		x.rec.Fault, x.rec.Action = headerFault, noFault
	}
	return bad
}

func (s *faultSet) connects() bool {
	return slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Action.Connect != "" })
}

// decide returns the fault that hits a request: its own by X-Mock-Fault, or the
// first of the config's that does; nil for none.
func (s *faultSet) decide(r *http.Request, stream bool, now time.Duration) (*strike, *apiError) {
	if k, given, bad := requestFault(r); given {
		return k, bad
	}
	return s.first(now, func(f *Fault, c *faultCount) bool {
		return f.Action.Connect == "" && f.Match.covers(r, stream) && c.hit(f.When, r)
	}), nil
}

// connection returns the fault that hits a new connection, nil for none. To
// refuse is the gate's alone: one that is late by a moment must not make a
// refusal of a connection that it accepted.
func (s *faultSet) connection(now time.Duration) *strike {
	return s.first(now, func(f *Fault, c *faultCount) bool {
		return f.Action.Connect != "" && f.Action.Connect != doRefuse && c.hit(f.When, nil)
	})
}

// first tries the faults in order.
func (s *faultSet) first(now time.Duration, hit func(*Fault, *faultCount) bool) *strike {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.When.Window.covers(now-s.start) && hit(f, &s.counts[i]) {
			s.counts[i].hits++
			return newStrike(cmp.Or(f.Name, place(i)), f.Action)
		}
	}
	return nil
}

// refusing returns the fault that has the listening socket closed now, if any,
// and when that is to be asked again; 0 is never.
func (s *faultSet) refusing(now time.Duration) (k *strike, again time.Duration) {
	for i, f := range s.faults {
		if f.Action.Connect != doRefuse {
			continue
		}
		if at, ok := f.When.Window.edge(now - s.start); ok && (again == 0 || s.start+at < again) {
			again = s.start + at
		}
		if k == nil && f.When.Window.covers(now-s.start) {
			k = newStrike(cmp.Or(f.Name, place(i)), f.Action)
		}
	}
	return k, again
}

func (m Match) covers(r *http.Request, stream bool) bool {
	if m.Stream != nil && *m.Stream != stream {
		return false
	}
	for name, want := range m.Header {
		if r.Header.Get(name) != want {
			return false
		}
	}
	if m.Path == "" {
		return true
	}
	ok, _ := path.Match(m.Path, canonicalPath(r.URL.Path)) // the glob was checked
	return ok
}

func (c *faultCount) hit(w When, r *http.Request) bool {
	c.total++
	switch {
	case w.Probability > 0:
		return c.dice.Float64() < w.Probability
	case w.Every > 0:
		return c.total%w.Every == 0
	case w.First == 0:
		return true
	case w.Per == "" || w.Per == perTotal:
		return c.total <= w.First
	}
	key := hashString(w.counted(r))
	n, _ := c.keys.Get(key)
	c.keys.Add(key, n+1)
	return n < w.First
}

// counted is the text of which each value has a first K of its own.
func (w When) counted(r *http.Request) string {
	if w.Per == perKey {
		return apiKey(r)
	}
	return r.Header.Get(strings.TrimPrefix(w.Per, perHeader))
}

// canonicalPath gives the aliases without /v1 their full name.
func canonicalPath(p string) string {
	if strings.HasPrefix(p, "/v1/") {
		return p
	}
	return "/v1" + p
}

// hashString is FNV-1a: stable over processes, unlike maphash.
func hashString(s string) uint64 { return hashMore(14695981039346656037, s) }

func hashMore(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
