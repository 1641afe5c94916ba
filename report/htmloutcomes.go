package report

import "fmt"

// htmlOutcomes is a bar a stage: how its requests ended, as shares of those issued.
type htmlOutcomes struct {
	Bars []htmlBar
	Keys []htmlBarKey
}

type htmlBar struct {
	Name, Note string
	Parts      []htmlPart
}

// htmlPart is in thousandths of the bar.
type htmlPart struct {
	Kind        int
	From, Width float64
	Title       string
}

type htmlBarKey struct {
	Kind int
	Name string
}

func outcomesOf(runs []Run) htmlOutcomes {
	var o htmlOutcomes
	var seen [len(kinds)]bool
	for i, r := range runs {
		for s := range r.Summary.Stages {
			b, counts := outcomeBar(&r.Summary.Stages[s])
			if b.Parts == nil {
				continue
			}
			o.Bars = append(o.Bars, newHTMLBar(runPrefix(runs, i)+b.Name, b.Note, counts))
			for k := range counts {
				seen[k] = seen[k] || counts[k] > 0
			}
		}
	}
	for k := range seen {
		if seen[k] {
			o.Keys = append(o.Keys, htmlBarKey{k, kinds[k].name})
		}
	}
	return o
}

func newHTMLBar(name, note string, counts [len(kinds)]int64) htmlBar {
	bar := htmlBar{Name: name, Note: note}
	var total int64
	for _, n := range counts {
		total += n
	}
	at := 0.0
	for k, n := range counts {
		if n == 0 {
			continue
		}
		of := float64(n) / float64(total)
		bar.Parts = append(bar.Parts, htmlPart{Kind: k, From: at, Width: 1000 * of, Title: fmt.Sprintf("%s: %s, %s", kinds[k].name, count(n), percent(of))})
		at += 1000 * of
	}
	return bar
}
