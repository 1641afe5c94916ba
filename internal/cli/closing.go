package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/internal/promscrape"
	"github.com/llmload/llmload/results"
)

// clientBoundAt is the share of the client's CPU from which it may be what limits.
const clientBoundAt = 0.8

// closing says in a few lines what a bench found: the best point, what limits, how wrong the instrument was, what to do
// next.
func (w *sweep) closing(s *results.Summary) []string {
	switch {
	case w.best == nil && w.why != "":
		return []string{"next: look at the outcomes above; " + w.why}
	case tokensPerS(w.best) == 0:
		return []string{"next: look at the outcomes above; nothing was answered"}
	}
	return []string{
		"best:  " + w.bestPoint(),
		"limit: " + w.limit(s),
		"error: " + instrumentError(s),
		"next:  " + w.next(),
	}
}

func (w *sweep) bestPoint() string {
	b := w.best
	text := fmt.Sprintf("%s: %.0f output tok/s", b.Name, tokensPerS(b))
	if each, state := b.Scalar(metric.TokSPerGPU); state == results.Value {
		text += fmt.Sprintf(" (%.0f a GPU)", each)
	}
	if r := b.Throughput.RequestsPerS; r != nil {
		text += fmt.Sprintf(", %.2f req/s", *r)
	}
	if v := medianOf(b, metric.TTFT); v != nil {
		text += fmt.Sprintf(", TTFT p50 %.1f ms", *v)
	}
	if v := medianOf(b, metric.TPOT); v != nil && *v > 0 {
		text += fmt.Sprintf(", %.1f tok/s a user", 1000 / *v)
	}
	return text
}

func medianOf(s *results.StageSummary, name metric.Name) *float64 {
	if m := s.Metrics[name]; m != nil {
		return m.OKP50
	}
	return nil
}

func (w *sweep) limit(s *results.Summary) string {
	for _, why := range s.InvalidReasons {
		if strings.HasPrefix(why, w.last.Name+": ") {
			return "cannot tell: " + why
		}
	}
	if c := w.last.Instrument.CPURatio; c != nil && *c > clientBoundAt {
		return fmt.Sprintf("perhaps this client: it used %.0f%% of its CPU at %s", 100**c, w.last.Name)
	}
	if s.Run.Interrupted {
		return "not found: interrupted"
	}
	if w.why == "" {
		if w.doubling {
			return fmt.Sprintf("not found: throughput still grew at %s", w.last.Name)
		}
		return "not searched: leave out -c and -r to double the concurrency"
	}
	text := "the server: " + w.why
	if grown := growth(w.first, w.last, metric.TTFT); grown > 1.5 {
		text += fmt.Sprintf("; TTFT p50 is %.1fx that of %s: requests queue", grown, w.first.Name)
	}
	if grown := growth(w.first, w.last, metric.TPOT); grown > 1.5 {
		text += fmt.Sprintf("; TPOT p50 is %.1fx: tokens come slower", grown)
	}
	return text
}

// growth is how many times a median rose from one stage to another, 0 where either lacks it.
func growth(a, b *results.StageSummary, name metric.Name) float64 {
	x, y := medianOf(a, name), medianOf(b, name)
	if x == nil || y == nil || *x == 0 {
		return 0
	}
	return *y / *x
}

// instrumentError names the largest of each stage's figures for the tool's own error.
func instrumentError(s *results.Summary) string {
	largest := func(of func(results.Instrument) *float64) (out float64, known bool) {
		for _, st := range s.Stages {
			if v := of(st.Instrument); v != nil {
				out, known = max(out, *v), true
			}
		}
		return out, known
	}
	var parts []string
	if v, ok := largest(func(i results.Instrument) *float64 { return i.DispatchDelayP99MS }); ok {
		parts = append(parts, fmt.Sprintf("requests left %.2f ms late (p99)", v))
	}
	if v, ok := largest(func(i results.Instrument) *float64 { return i.LagP99MS }); ok {
		parts = append(parts, fmt.Sprintf("this process woke %.2f ms late (p99)", v))
	}
	if v, ok := largest(func(i results.Instrument) *float64 { return i.CPURatio }); ok {
		parts = append(parts, fmt.Sprintf("used %.0f%% of its CPU", 100*v))
	}
	if v, ok := largest(func(i results.Instrument) *float64 { return i.KernelToReadP99MS }); ok {
		return strings.Join(parts, ", ") + fmt.Sprintf(", read %.2f ms after the kernel had the data (p99) in the worst stage", v)
	}
	return strings.Join(parts, ", ") + " in the worst stage; what lies between the kernel and this process was not measured"
}

// next is the command that a reader would type now.
func (w *sweep) next() string {
	if r := w.best.Throughput.RequestsPerS; w.doubling && r != nil && *r > 0 {
		return fmt.Sprintf("%s -r %.3g -d 60s   (latency at 80%% of the best rate, with arrivals that do not wait)", w.again, 0.8**r)
	}
	return w.again + w.load + " --print-scenario > bench.yaml   (then add thresholds, and `llmload run bench.yaml` gates a change)"
}

// loadFlags are the flags of a bench's load as they were given.
func loadFlags(c *cli.Context) string {
	text := ""
	for _, f := range [][2]string{{"concurrency", "-c"}, {"rate", "-r"}, {"requests", "-n"}, {"duration", "-d"}} {
		if c.IsSet(f[0]) {
			text += " " + f[1] + " " + shellWord(fmt.Sprint(c.Value(f[0])))
		}
	}
	return text
}

// command is the bench command line to start from, without a load. Header values and a key in the address are left to the
// reader, who has them.
func (b *benchFlags) command(model string) string {
	words := []string{"llmload", "bench"}
	add := func(flag, value string) { words = append(words, flag, shellWord(value)) }
	if address, query, _ := strings.Cut(b.endpoint, "?"); query != "" {
		words = append(words, shellWord(address+"?..."))
	} else if address != "" {
		words = append(words, shellWord(address))
	}
	if model != "" {
		add("-m", model)
	}
	if b.isl != defaultISL {
		add("--isl", strconv.Itoa(b.isl))
	}
	if b.osl != defaultOSL {
		add("--osl", strconv.Itoa(b.osl))
	}
	if len(b.slo) > 0 {
		add("--slo", b.sloList())
	}
	for _, u := range b.metrics {
		add("--metrics", promscrape.Shown(u)+map[bool]string{true: "?..."}[strings.Contains(u, "?")])
	}
	for _, h := range b.headers {
		add("-H", h[0]+": ...")
	}
	if b.extra != "" {
		add("--extra-body", strings.ReplaceAll(b.extra, "$${", "${"))
	}
	return strings.Join(words, " ")
}

// shellWord quotes what a shell would not take as one plain word.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
