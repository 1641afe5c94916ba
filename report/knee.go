package report

import "fmt"

// Knee is the highest rate inside an SLO, where a search for it found one, in requests a second with its interval.
type Knee struct {
	SLO          string
	Rate, Lo, Hi float64
}

// markKnee lays the interval behind the charts of a single run over its rates, and says what it is.
func markKnee(g *chartGroup, charts []chart, runs []Run) {
	if len(runs) != 1 || runs[0].Knee == nil {
		return
	}
	k := runs[0].Knee
	for i := range charts {
		if charts[i].X.Label == arrivals {
			charts[i].Spans = []chartSpan{{From: short(k.Lo), To: short(k.Hi), Name: "capacity"}}
		}
	}
	g.Note = join(g.Note, fmt.Sprintf("Shaded: the highest rate inside %s, %s/s (%s to %s).", clean(k.SLO), fourDigits(k.Rate), fourDigits(k.Lo), fourDigits(k.Hi)))
}

func fourDigits(v float64) string { return fmt.Sprintf("%.4g", v) }
