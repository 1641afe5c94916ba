package scenarios

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/internal/strictyaml"
)

// Defaults of a scenario, each printed by `llmload plan`.
const (
	defaultInputTokens  = 512
	defaultOutputTokens = 128
	defaultRequests     = 100
	defaultMaxInFlight  = 2000
	defaultTimeout      = Limit(10 * time.Minute)
	defaultIdleTimeout  = Limit(120 * time.Second)
)

// Bounds that only a slip of the pen passes. They keep times and counts far from overflow.
const (
	maxStages   = 1000
	maxEntries  = 1000 // of any other list or mapping
	maxInFlight = 20_000
	maxBatch    = 4096
	maxRequests = 1_000_000_000
	maxTokens   = 10_000_000
	maxTime     = 1000 * time.Hour
	maxName     = 100 // runes
)

// place is where an error stands.
type place struct {
	file      string
	line, col int
}

// resolver turns a Spec into a Plan and gathers every mistake on the way.
type resolver struct {
	spec    *Spec
	errs    []error
	misread map[place]bool // values that could not be read, so that nothing more is said of them
	corpora map[string]*corpus
	traces  map[string]*trace
	planned int // stages, those with mistakes included
}

// Plan resolves defaults and lists. Its error holds every mistake, each with its place.
func (s *Spec) Plan() (*Plan, error) { return s.plan(nil) }

// plan adds its mistakes to those of reading the file.
func (s *Spec) plan(reading error) (*Plan, error) {
	r := &resolver{spec: s, misread: map[place]bool{}, corpora: map[string]*corpus{}, traces: map[string]*trace{}}
	r.unread(reading)
	p := &Plan{Name: s.Name, Seed: s.Seed, Model: s.Model}
	if p.Name == "" {
		p.Name = "scenario"
	}
	r.checkName("name", p.Name)
	if strings.ContainsAny(p.Name, `/\`) {
		r.fail("name", "name %q must not hold slashes: it becomes part of a folder's name", p.Name)
	}
	p.Target = r.target()
	p.Client = r.client()
	p.SLO = r.slo()
	p.Budget = r.budget()
	before := len(r.errs)
	p.Stages = r.stages()
	r.attainable(p)
	p.Thresholds = r.thresholds(p.Stages, len(r.errs) == before)
	return p, s.hideEndpoint(strictyaml.Join(r.errs...))
}

// fail notes a mistake, but for a value that could not be read in the first place.
func (r *resolver) fail(path, format string, args ...any) {
	err := r.spec.node.Errorf(path, format, args...)
	if !r.misread[place{err.File, err.Line, err.Col}] {
		r.errs = append(r.errs, err)
	}
}

func (r *resolver) unread(err error) {
	if err == nil {
		return
	}
	r.errs = append(r.errs, err)
	if list, ok := errors.AsType[strictyaml.Errors](err); ok {
		for _, e := range list {
			r.misread[place{e.File, e.Line, e.Col}] = true
		}
	}
}

// decode fills v from the place, keeping mistakes.
func (r *resolver) decode(n strictyaml.Node, v any) { r.unread(n.Decode(v)) }

func (r *resolver) inRange(path, what string, v, least, most int) {
	if v < least || v > most {
		r.fail(path, "%s %d is outside %d to %d", what, v, least, most)
	}
}

func (r *resolver) checkTime(path, what string, d time.Duration) {
	if d > maxTime {
		r.fail(path, "%s %s is longer than %.0fh", what, d, maxTime.Hours())
	}
}

// checkName refuses names that would break a table, a file's name or a line of a log.
func (r *resolver) checkName(path, name string) {
	unprintable := strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) })
	if unprintable || strings.TrimSpace(name) != name || len([]rune(name)) > maxName {
		r.fail(path, "name %.120q must be at most %d printable characters, without blanks around them", name, maxName)
	}
}

func (r *resolver) client() Client {
	c := r.spec.Client
	out := Client{
		Timeout: defaultTimeout, FirstTokenTimeout: c.FirstTokenTimeout, IdleTimeout: defaultIdleTimeout,
		MaxRetries: c.MaxRetries, PoolSize: c.PoolSize, RateLimit: c.RateLimit,
	}
	if c.Timeout != nil {
		out.Timeout = *c.Timeout
	}
	if c.IdleTimeout != nil {
		out.IdleTimeout = *c.IdleTimeout
	}
	r.inRange("client.max_retries", "max_retries", c.MaxRetries, 0, 100)
	r.inRange("client.pool_size", "pool_size", int(c.PoolSize), 0, maxInFlight)
	return out
}

func (r *resolver) slo() []SLO {
	limits := map[string]strictyaml.Node{}
	r.decode(r.spec.SLO, &limits)
	if len(limits) > maxEntries {
		r.fail("slo", "slo has more than %d entries", maxEntries)
		return nil
	}
	var out []SLO
	for _, name := range r.spec.SLO.Keys() {
		at := "slo[" + name + "]"
		info, ok := metric.Lookup(name)
		if !ok || !perRequest(info) {
			r.fail(at, "slo %.60q is not a time that each request has: use ttft, tpot, e2e, ttfot or max_gap", name)
			continue
		}
		var limit time.Duration
		r.decode(limits[name], &limit)
		if limit <= 0 {
			r.fail(at, "slo %s must be above 0, such as 500ms", name)
		}
		r.checkTime(at, "slo "+name, limit)
		out = append(out, SLO{info.Name, limit})
	}
	return out
}

// attainable refuses an SLO that no request of a stage could keep: its goodput would be 0, whatever the server does.
func (r *resolver) attainable(p *Plan) {
	for _, l := range p.SLO {
		plain := slices.IndexFunc(p.Stages, func(s Stage) bool { return !s.Stream })
		if plain >= 0 && metric.OfStreams(l.Metric) {
			r.fail("slo["+string(l.Metric)+"]", "slo %s is a time of streams, and stage %q takes its answers whole, so no request could be inside: use e2e, or stream: true (streams and plain answers under one slo: a scenario each)",
				l.Metric, p.Stages[plain].Name)
		}
	}
}

func perRequest(i metric.Info) bool {
	switch i.Name {
	case metric.TTFT, metric.TPOT, metric.E2E, metric.TTFOT, metric.MaxGap, metric.ResponseTTFT, metric.ResponseE2E, metric.LogicalE2E:
		return true
	}
	return false
}

// thresholds reads the bounds. One that matches no stage would hold for ever: it is refused where the stages are known.
func (r *resolver) thresholds(stages []Stage, known bool) []Threshold {
	if n := len(r.spec.Thresholds); n > maxEntries {
		r.fail("thresholds", "%d thresholds: at most %d", n, maxEntries)
		return nil
	}
	var out []Threshold
	for i, t := range r.spec.Thresholds {
		at := fmt.Sprintf("thresholds[%d]", i)
		if _, err := path.Match(t.Stage, ""); err != nil {
			r.fail(at+".stage", "stage pattern %q: %v", t.Stage, err)
		} else if known && !matchesAny(t.Stage, stages) {
			r.fail(at+".stage", "no stage matches %q: the stages are %s", t.Stage, stageNames(stages))
		}
		expr, err := metric.ParseThreshold(t.Expr)
		if err != nil {
			r.fail(at+".expr", "%v", err)
			continue
		}
		out = append(out, Threshold{t.Stage, expr})
	}
	return out
}

func matchesAny(pattern string, stages []Stage) bool {
	for i := range stages {
		if metric.MatchStage(pattern, stages[i].Name) {
			return true
		}
	}
	return pattern == ""
}

// stageNames lists the first few.
func stageNames(stages []Stage) string {
	const most = 10
	var names []string
	for i := range stages[:min(len(stages), most)] {
		names = append(names, stages[i].Name)
	}
	if more := len(stages) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, "; ")
}
