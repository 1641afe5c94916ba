package report

import (
	"fmt"
	"math"
	"slices"
)

// slowView is the slowest requests of a run, each with its way through time.
type slowView struct {
	Known    bool // the run's records were read
	Requests []slowRow
	Stages   []slowStage
}

// slowStage is a choice of which requests to show, and how much time their bars span. The first is all stages.
type slowStage struct {
	Name  string
	Width float64 // ms
	Span  string
}

// slowRow is one request. All geometry is in milliseconds from its intended start.
type slowRow struct {
	Stage   int // index into Stages
	Top     bool
	Title   string
	Outcome string
	Bad     bool
	Took    string
	Error   string
	Facts   []fact
	Phases  []slowPhase
	Ticks   []float64
	Note    string
}

type slowPhase struct {
	Kind        phaseKind
	From, Width float64
	Title       string
}

func slowOf(d *Digest) slowView {
	if d == nil {
		return slowView{}
	}
	v := slowView{Known: true, Stages: []slowStage{{Name: "all stages"}}}
	for i, r := range d.slowRequests() {
		name := clean(r.stage)
		at := 1 + slices.IndexFunc(v.Stages[1:], func(s slowStage) bool { return s.Name == name })
		if at == 0 {
			at = len(v.Stages)
			v.Stages = append(v.Stages, slowStage{Name: name})
		}
		for _, s := range []int{0, at} {
			if took := millis(r.tookNS); took > v.Stages[s].Width {
				v.Stages[s].Width, v.Stages[s].Span = took, duration(took)
			}
		}
		v.Requests = append(v.Requests, r.row(at, i < slowKept))
	}
	return v
}

func (r *slowRequest) row(stage int, top bool) slowRow {
	row := slowRow{
		Stage: stage, Top: top, Title: fmt.Sprintf("%s #%d", clean(r.stage), r.seq), Took: duration(millis(r.tookNS)),
		Outcome: clean(string(r.outcome)), Bad: r.outcome != "ok", Error: clean(r.err),
	}
	for _, p := range r.phases {
		note := string(p.kind)
		if p.note != "" {
			note += " (" + clean(p.note) + ")"
		}
		took := duration(millis(p.to - p.from))
		row.Phases = append(row.Phases, slowPhase{Kind: p.kind, From: millis(p.from), Width: millis(p.to - p.from), Title: note + ": " + took})
		row.Facts = append(row.Facts, fact{Term: note, Text: took, Note: "from " + duration(millis(p.from))})
	}
	for _, at := range r.arrivals {
		row.Ticks = append(row.Ticks, millis(at))
	}
	row.Note = listed(fmt.Sprintf("began at %s s of the run", stepLabel(float64(r.startNS)/1e9, 0.001)), r.tokensText(), r.arrivalsText(), "id "+clean(r.id))
	return row
}

func (r *slowRequest) tokensText() string {
	if r.tokens.Input == 0 && r.tokens.Output == 0 {
		return "" // it came to no answer
	}
	return fmt.Sprintf("%s tokens in, %s out", count(int64(r.tokens.Input)), count(int64(r.tokens.Output)))
}

func (r *slowRequest) arrivalsText() string {
	switch {
	case r.came == 0:
		return ""
	case r.came > len(r.arrivals):
		return fmt.Sprintf("%s arrivals, %d of them drawn", count(int64(r.came)), len(r.arrivals))
	}
	return fmt.Sprintf("%d arrivals", r.came)
}

// millis is what drawings count in, to the microsecond.
func millis(ns int64) float64 { return math.Round(float64(ns)/1e3) / 1e3 }

// duration writes milliseconds for a person.
func duration(ms float64) string {
	if math.Abs(ms) >= 1000 {
		s := ms / 1000
		return digits(s) + " s"
	}
	return digits(ms) + " ms"
}
