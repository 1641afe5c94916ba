package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/report/capacity"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

// defaultWindow is long enough that a peak is no single burst, which a queue takes up.
const defaultWindow = time.Minute

// planFlags say what is demanded of a fleet, and what it costs.
func planFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "from", Usage: "send nothing: judge the open-loop stages of the run folder `RUN`"},
		&cli.StringFlag{Name: "fit", Usage: "send nothing: fit the step model to the sweep in the run folder `RUN`"},
		&cli.StringFlag{Name: "peak", Usage: "demand: a peak `RATE` such as 120/s"},
		&cli.StringFlag{Name: "trace", Usage: "demand: the arrivals of a trace `FILE` (Mooncake, Azure, BurstGPT)"},
		&cli.DurationFlag{Name: "window", Value: defaultWindow, Usage: "with --trace: the peak is that of a window of `D`"},
		&cli.StringFlag{Name: "daily", Usage: "demand: `RATES` of equal parts of a day, such as 2/s,2/s,20/s,8/s"},
		&cli.Float64Flag{Name: "headroom", Value: 0.2, Usage: "`SHARE` of the capacity that stays free at the peak"},
		&cli.IntFlag{Name: "spare", Value: 1, Usage: "replicas `N` that may be lost at the peak"},
		&cli.Float64Flag{Name: "gpu-hour", Usage: "`USD` for an hour of one GPU (a replica has --gpus of them)"},
		&cli.Float64Flag{Name: "input-price", Usage: "of a hosted API: `USD` a million input tokens"},
		&cli.Float64Flag{Name: "output-price", Usage: "likewise: `USD` a million output tokens"},
		&cli.Float64Flag{Name: "rpm", Usage: "quota of a hosted API: `N` requests a minute"},
		&cli.Float64Flag{Name: "tpm", Usage: "quota of a hosted API: `N` tokens a minute"},
		&cli.StringSliceFlag{Name: "what-if", Usage: "with --from: another `SLO`, or a shape IN/OUT with --model-of; may be repeated"},
		&cli.StringFlag{Name: "model-of", Usage: "with --what-if IN/OUT: the run folder `RUN` of the sweep whose fit scales the capacity"},
		&cli.BoolFlag{Name: "markdown", Usage: "print the answer as Markdown"},
	}
}

// fleetRequest is what the flags ask beside the capacity.
type fleetRequest struct {
	terms  capacity.FleetTerms
	asked  bool
	whatIf []string
	sweep  string
}

func fleetFlags(c *cli.Context, sys IO) (f fleetRequest, err error) {
	f.whatIf, f.sweep = c.StringSlice("what-if"), c.String("model-of")
	if (len(f.whatIf) > 0 || f.sweep != "") && c.String("from") == "" {
		return f, usage("--what-if and --model-of go with --from RUN")
	}
	if c.Bool("json") && c.Bool("markdown") {
		return f, usage("--json and --markdown exclude each other")
	}
	t := &f.terms
	t.Headroom, t.Spare = c.Float64("headroom"), c.Int("spare")
	t.APIInput, t.APIOutput, t.RPM, t.TPM = c.Float64("input-price"), c.Float64("output-price"), c.Float64("rpm"), c.Float64("tpm")
	if !(t.Headroom >= 0 && t.Headroom < 1) || t.Spare < 0 {
		return f, usage("--headroom is a share from 0 to below 1, --spare is not below 0")
	}
	for _, name := range []string{"gpu-hour", "input-price", "output-price", "rpm", "tpm"} {
		if v := c.Float64(name); !(v >= 0) || math.IsInf(v, 1) {
			return f, usage("--%s must be a number, and not below 0", name)
		}
	}
	t.Demand, err = demandFlags(c, sys)
	f.asked = len(t.Demand) > 0
	return f, err
}

// priced sets what an hour of one replica costs, by the price of a GPU and how many it has; 0 where that is not said.
func (f *fleetRequest) priced(c *cli.Context, gpus int) {
	f.terms.ReplicaHour = c.Float64("gpu-hour") * float64(max(1, gpus))
}

const day = 24 * 3600

// demandFlags reads the one demand that is given.
func demandFlags(c *cli.Context, sys IO) (capacity.Demand, error) {
	given := 0
	for _, name := range []string{"peak", "trace", "daily"} {
		if c.String(name) != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, usage("--peak, --trace and --daily exclude each other: leave one")
	case c.String("peak") != "":
		rate, err := rateFlag(c, "peak")
		return capacity.Demand{{Seconds: day, Rate: rate}}, err
	case c.String("daily") != "":
		return dailyDemand(c.String("daily"))
	case c.String("trace") != "":
		return traceDemand(c, sys)
	}
	return nil, nil
}

func dailyDemand(text string) (out capacity.Demand, err error) {
	parts := split(text)
	for _, part := range parts {
		rate := 0.0
		if part != "0" {
			if rate, err = parseRate(part); err != nil {
				return nil, usage("--daily %q: write rates such as 2/s,20/s,8/s", part)
			}
		}
		out = append(out, capacity.Stretch{Seconds: day / float64(len(parts)), Rate: rate})
	}
	if out.Peak() == 0 {
		return nil, usage("--daily %q has no load", text)
	}
	return out, nil
}

// traceDemand counts a trace's arrivals, which the scenario's own reader finds.
func traceDemand(c *cli.Context, sys IO) (capacity.Demand, error) {
	file, window := c.String("trace"), c.Duration("window")
	if window <= 0 {
		return nil, usage("--window must be above 0")
	}
	l := &loaded{sys: sys, dir: "."}
	if err := l.parse("--trace", []byte("load: {open: {arrivals: "+quote("trace("+file+")")+"}}\n")); err != nil {
		return nil, usage("--trace %s: %v", file, unplaced(err))
	}
	plan, err := l.resolve()
	if err != nil {
		return nil, usage("--trace %s: %v", file, unplaced(err))
	}
	schedule, stage := plan.Stages[0].Schedule(), &plan.Stages[0]
	var at []float64
	for a, ok := schedule.Next(0); ok && len(at) < stage.Trace.Count; a, ok = schedule.Next(0) {
		at = append(at, a.At.Seconds())
	}
	return capacity.DemandOf(at, window.Seconds()), nil
}

// report adds the fleet to an answer, where one is asked for and follows.
func (f fleetRequest) report(a capacity.Answer) capacity.Report {
	r := capacity.Report{Answer: a}
	if f.asked && a.Estimate != nil {
		if fleet, err := a.Fleet(f.terms); err == nil {
			r.Fleet = &fleet
		}
	}
	return r
}

// planFrom answers from what a run folder holds.
func planFrom(c *cli.Context, sys IO, dir string, f fleetRequest) error {
	run, err := store.Open(dir)
	if err != nil {
		return asUsage(err)
	}
	a, err := storedAnswer(c, run)
	if err != nil {
		return err
	}
	gpus := run.Summary.Target.GPUs
	if c.IsSet("gpus") {
		gpus = c.Int("gpus")
	}
	f.priced(c, gpus)
	r := f.report(a)
	for _, what := range f.whatIf {
		w, err := f.ask(run, a, what)
		if err != nil {
			return err
		}
		r.WhatIf = append(r.WhatIf, w)
	}
	if c.Bool("json") {
		err = printJSON(sys.Out, r)
	} else {
		err = r.Write(sys.Out, c.Bool("markdown"))
	}
	if err == nil && (a.Estimate == nil || a.Confirm.Refuted()) {
		return &exitError{exitInvalid, nil}
	}
	return err
}

// storedAnswer is the answer of the folder's search, or, with --slo and for a run of another command, a judgement of its
// records.
func storedAnswer(c *cli.Context, run *store.Run) (a capacity.Answer, err error) {
	text, err := os.ReadFile(filepath.Join(run.Dir, answerFile))
	switch {
	case errors.Is(err, fs.ErrNotExist) || c.IsSet("slo"):
		var items []string
		if c.IsSet("slo") {
			items = split(c.String("slo"))
		} else if len(run.Summary.Stages) > 0 {
			for _, l := range run.Summary.Stages[0].SLO {
				items = append(items, fmt.Sprintf("%s=%dns", l.Metric, l.MaxNS))
			}
		}
		slo, err := capacity.ParseSLO(items)
		if err != nil {
			return a, asUsage(err)
		}
		return judged(run, slo)
	case err != nil:
		return a, err
	}
	var r capacity.Report
	if err := json.Unmarshal(text, &r); err != nil {
		return a, fmt.Errorf("%s: %w", filepath.Join(run.Dir, answerFile), err)
	}
	return r.Answer, nil
}

// judged lets the records of a run's open-loop stages answer to an SLO.
func judged(run *store.Run, slo capacity.SLO) (capacity.Answer, error) {
	meters := map[string]*capacity.Meter{}
	for i := range run.Summary.Stages {
		if s := &run.Summary.Stages[i]; s.Load.Mode == "open" && !s.Load.Sessions {
			meters[s.Name] = slo.NewMeter()
		}
	}
	if len(meters) == 0 {
		return capacity.Answer{}, usage("%s has no open-loop stage, and only those tell a rate: measure some with `llmload capacity`, or `llmload bench -r 2,4,8`", run.Dir)
	}
	for r, err := range run.Records() {
		if err != nil {
			return capacity.Answer{}, err
		}
		if m := meters[r.Stage]; m != nil {
			m.Add(r)
		}
	}
	var obs []capacity.Observation
	for i := range run.Summary.Stages {
		s := &run.Summary.Stages[i]
		if m := meters[s.Name]; m != nil {
			o := m.Observe(capacity.Probe{Kind: capacity.Refine, Rate: s.Load.Rate, Requests: int(s.Requests.Issued)})
			o.Stage = s.Name
			if o.Spoiled = spoiledIn(run.Summary, s); strings.HasPrefix(s.StopReason, "saturated") {
				o.Saturated, o.Spoiled = true, ""
			}
			obs = append(obs, o)
		}
	}
	return capacity.Judge(slo, obs), nil
}

// spoiledIn is why a stored stage does not count; that nothing succeeded is no such reason.
func spoiledIn(sum *results.Summary, s *results.StageSummary) string {
	for _, why := range sum.InvalidReasons {
		if rest, ok := strings.CutPrefix(why, s.Name+": "); ok && s.Requests.Succeeded > 0 {
			return rest
		}
	}
	return ""
}

// ask answers one what-if.
func (f fleetRequest) ask(run *store.Run, a capacity.Answer, what string) (w capacity.WhatIf, err error) {
	in, out, isShape := parseShape(what)
	var other capacity.Answer
	if isShape {
		other, err = f.reshaped(a, in, out)
	} else {
		var slo capacity.SLO
		if slo, err = capacity.ParseSLO(split(what)); err == nil {
			other, err = judged(run, slo)
		}
	}
	if err != nil {
		return w, asUsage(err)
	}
	w = capacity.WhatIf{What: what, State: other.State, Why: other.Why, Estimate: other.Estimate}
	w.Fleet = f.report(other).Fleet
	return w, nil
}

// parseShape reads 1024/256.
func parseShape(text string) (in, out float64, ok bool) {
	a, b, ok := strings.Cut(text, "/")
	i, err1 := strconv.Atoi(a)
	o, err2 := strconv.Atoi(b)
	return float64(i), float64(o), ok && err1 == nil && err2 == nil && i > 0 && o > 0
}

// reshaped scales an answer to other lengths by a fitted model.
func (f fleetRequest) reshaped(a capacity.Answer, in, out float64) (capacity.Answer, error) {
	if f.sweep == "" {
		return a, errors.New("--what-if IN/OUT needs --model-of RUN, a sweep such as `llmload run sweep` leaves")
	}
	fit, err := fitOf(f.sweep)
	if err != nil {
		return a, err
	}
	return a.Reshaped(fit, in, out)
}

// fitOf fits the model to the sweep in a run folder.
func fitOf(dir string) (capacity.Fit, error) {
	run, err := store.Open(dir)
	if err != nil {
		return capacity.Fit{}, asUsage(err)
	}
	s, _, err := read(run)
	if err != nil {
		return capacity.Fit{}, err
	}
	fit, err := capacity.FitStages(s.Stages)
	if err != nil {
		return fit, usage("%s: %v", dir, err)
	}
	return fit, nil
}

func printFit(c *cli.Context, sys IO, dir string) error {
	fit, err := fitOf(dir)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(sys.Out, fit)
	}
	if err := fit.Write(sys.Out, c.Bool("markdown")); err != nil || c.Bool("markdown") {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "next:  llmload mock --preset-from %s   (a server like it, without its GPU)\n", shellWord(dir))
	return err
}
