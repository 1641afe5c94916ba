package mockserver

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const perTotal = "total"

// maxCountedKeys bounds the memory of `per: header:NAME`; beyond it the value
// that was seen longest ago counts from the start again.
const maxCountedKeys = 100_000

// A faultSet decides which fault hits a request. Its counters live as long as
// one stage.
type faultSet struct {
	mu     sync.Mutex
	faults []Fault
	counts []faultCount
}

type faultCount struct {
	total  int
	hits   int
	keys   *simplelru.LRU[uint64, int] // per header value, by its hash
	dice   *rand.Rand
	header string
}

func newFaultSet(seed uint64, stage string, faults []Fault) *faultSet {
	s := &faultSet{faults: faults, counts: make([]faultCount, len(faults))}
	for i, f := range faults {
		c := &s.counts[i]
		// One stream of numbers a fault and stage: the k-th draw depends on
		// nothing else, however requests of other faults interleave.
		c.dice = rand.New(rand.NewPCG(seed^hashString(stage), uint64(i)+1))
		c.header, _ = strings.CutPrefix(f.When.Per, "header:")
		if c.header == perTotal {
			c.header = ""
		}
		c.keys, _ = simplelru.NewLRU[uint64, int](maxCountedKeys, nil) // fails only for a size below 1
	}
	return s
}

// A strike is a fault that hit.
type strike struct {
	name string
	Action
}

// decide returns the first fault that hits a request, nil for none.
func (s *faultSet) decide(r *http.Request, stream bool) *strike {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.faults {
		f := &s.faults[i]
		if f.Match.covers(r, stream) && s.counts[i].hit(f.When, r) {
			s.counts[i].hits++
			return &strike{cmp.Or(f.Name, place(i)), f.Action}
		}
	}
	return nil
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
	case w.First > 0 && c.header == "":
		return c.total <= w.First
	case w.First > 0:
		key := hashString(r.Header.Get(c.header))
		n, _ := c.keys.Get(key)
		c.keys.Add(key, n+1)
		return n < w.First
	}
	return true
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
