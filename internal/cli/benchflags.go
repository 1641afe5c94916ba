package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/scenarios"
)

// keyVariable is the environment variable that holds the API key of bench.
const keyVariable = "LLMLOAD_API_KEY"

// Lengths of prompt and answer in tokens, unless flags say otherwise.
const (
	defaultISL = 512
	defaultOSL = 128
)

// Bounds of a bench stage that the flags leave open: enough requests for a p99, and not longer than a person waits.
const (
	benchRequests = 320
	benchPerSlot  = 16 // requests a unit of concurrency, at least
	benchDuration = 30 * time.Second
	benchTop      = 1024 // the last concurrency of the doubling
)

// benchFlags is what the flags of bench say.
type benchFlags struct {
	endpoint    string
	concurrency []int
	rates       []string
	requests    int
	duration    time.Duration
	shortest    time.Duration // a stage lasts at least this long, from the probe
	seed        uint64
	isl, osl    int
	slo         []string // "ttft: 500ms"
	gpus        int
	headers     [][2]string // name, value
	extra       string      // JSON object, checked
	metrics     []string    // Prometheus endpoints of the server
	exact       bool
	lookupEnv   func(string) (string, bool)
}

func benchOptions(c *cli.Context, sys IO) (*benchFlags, error) {
	b := &benchFlags{
		endpoint: c.String("endpoint"), requests: c.Int("requests"), duration: c.Duration("duration"),
		seed: c.Uint64("seed"), isl: c.Int("isl"), osl: c.Int("osl"), gpus: c.Int("gpus"), exact: true, lookupEnv: sys.LookupEnv,
		metrics: c.StringSlice("metrics"),
	}
	if arg := c.Args().First(); arg != "" {
		if b.endpoint != "" && b.endpoint != arg {
			return nil, usage("two addresses, %s and %s: leave one", arg, b.endpoint)
		}
		b.endpoint = arg
	}
	if c.IsSet("concurrency") && c.IsSet("rate") {
		return nil, usage("--concurrency and --rate exclude each other: a closed loop or an open one")
	}
	if err := b.checkEndpoint(); err != nil {
		return nil, err
	}
	for _, name := range []string{"requests", "isl", "osl", "gpus"} {
		if c.IsSet(name) && c.Int(name) < 1 {
			return nil, usage("--%s must be above 0", name)
		}
	}
	if c.IsSet("duration") && b.duration <= 0 {
		return nil, usage("--duration must be above 0")
	}
	return b, b.lists(c)
}

// checkEndpoint refuses an address before it stands in a scenario; most lack only the scheme.
func (b *benchFlags) checkEndpoint() error {
	if b.endpoint == "" {
		return nil
	}
	err := scenarios.CheckEndpoint(b.endpoint)
	withScheme := "http://" + b.endpoint
	if err != nil && !strings.Contains(b.endpoint, "://") && scenarios.CheckEndpoint(withScheme) == nil {
		return usage("%q is not an address, did you mean %s?", b.endpoint, withScheme)
	}
	return asUsage(err)
}

// lists reads the flags that hold several values.
func (b *benchFlags) lists(c *cli.Context) error {
	for _, text := range split(c.String("concurrency")) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return usage("--concurrency %q: write whole numbers such as 1,8,64", text)
		}
		b.concurrency = append(b.concurrency, n)
	}
	for _, text := range split(c.String("rate")) {
		if !strings.Contains(text, "/") {
			text += "/s"
		}
		b.rates = append(b.rates, text)
	}
	if list := c.String("concurrency"); list != "" && len(b.concurrency) == 0 {
		return usage("--concurrency %q: write whole numbers such as 1,8,64", list)
	}
	if list := c.String("rate"); list != "" && len(b.rates) == 0 {
		return usage("--rate %q: write arrivals a second such as 2,4 or 90/m", list)
	}
	if err := b.readSLO(c.String("slo")); err != nil {
		return err
	}
	for _, text := range c.StringSlice("header") {
		name, value, ok := strings.Cut(text, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return usage("--header %q: write 'NAME: VALUE'", strings.SplitN(text, ":", 2)[0])
		}
		b.headers = append(b.headers, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return b.extraBody(c.String("extra-body"))
}

// readSLO takes a list such as ttft=500ms,tpot=50ms, and vLLM's form of it, ttft:500 tpot:50, whose numbers are milliseconds.
// In ours a bare number is refused: seconds would be as good a guess.
func (b *benchFlags) readSLO(list string) error {
	for _, text := range split(list) {
		name, limit, ok := strings.Cut(text, "=")
		if _, err := strconv.ParseFloat(limit, 64); ok && err == nil {
			return usage("--slo %q: %s of what? Write a unit, as in %s=%sms", text, limit, name, limit)
		}
		if !ok {
			name, limit, ok = strings.Cut(text, ":")
			if _, err := strconv.ParseFloat(limit, 64); err == nil {
				limit += "ms"
			}
		}
		if !ok || name == "" || limit == "" {
			return usage("--slo %q: write a list such as ttft=500ms,tpot=50ms", text)
		}
		b.slo = append(b.slo, fmt.Sprintf("%s: %s", name, limit))
	}
	return nil
}

// sloList is the SLO as --slo takes it.
func (b *benchFlags) sloList() string {
	return strings.ReplaceAll(strings.Join(b.slo, ","), ": ", "=")
}

// extraBody keeps a JSON object as YAML takes it: in one line, without escapes, and no variable expanded in it.
func (b *benchFlags) extraBody(text string) error {
	if text == "" {
		return nil
	}
	var object map[string]any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&object); err != nil || object == nil || dec.More() {
		return usage("--extra-body must be one JSON object such as '{\"top_p\": 0.9}'")
	}
	var plain strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return usage("--extra-body: %v", err)
	}
	b.extra = strings.ReplaceAll(strings.TrimSpace(plain.String()), "${", "$${")
	return nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func (b *benchFlags) doubling() bool { return len(b.concurrency) == 0 && len(b.rates) == 0 }

// lookup resolves the placeholders of headers, whose values never stand in the scenario's text, and the environment.
func (b *benchFlags) lookup(name string) (string, bool) {
	for i, h := range b.headers {
		if name == headerVariable(i) {
			return h[1], true
		}
	}
	return b.lookupEnv(name)
}

func headerVariable(i int) string { return "LLMLOAD_HEADER_" + strconv.Itoa(i+1) }

// scenario writes the YAML that the flags stand for.
func (b *benchFlags) scenario() string {
	var y strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&y, format+"\n", args...) }
	line("# what this command line stands for; run it with: llmload run FILE")
	if b.doubling() {
		line("# bench itself also ends where a doubling gains under %.0f%% throughput; a scenario has no such rule", 100*minGain)
	}
	line("name: bench")
	line("seed: %d", b.seed)
	line("target:")
	if b.endpoint == "" {
		line("  mock: {engine: {model: fixed, ttft: 20ms, itl: 1ms, max_num_seqs: 32}}")
	} else {
		line("  endpoint: %s", quote(b.endpoint))
	}
	if b.gpus > 0 {
		line("  gpus: %d", b.gpus)
	}
	for i, u := range b.metrics {
		if i == 0 {
			line("  metrics:")
		}
		line("  - %s", quote(u))
	}
	if _, ok := b.lookupEnv(keyVariable); ok && b.endpoint != "" {
		line("  api_key: ${%s}", keyVariable)
	}
	for i, h := range b.headers {
		if i == 0 {
			line("  headers: # values are those of --header; set the variables to run this file")
		}
		line("    %s: ${%s}", quote(h[0]), headerVariable(i))
	}
	line("workload:")
	line("  api: chat")
	line("  stream: true")
	line("  prompts: {synthetic: {input_tokens: %d}, cache: cold}", b.isl)
	line("  output: {tokens: %d, mode: %s}", b.osl, map[bool]string{true: "exact", false: "cap"}[b.exact])
	if b.extra != "" {
		line("  extra_body: %s", b.extra)
	}
	if len(b.slo) > 0 {
		line("slo: {%s}", strings.Join(b.slo, ", "))
	}
	line("stages:")
	for _, load := range b.loads() {
		line("  - load: %s", load)
	}
	return y.String()
}

// quote writes a YAML double-quoted string, which JSON's is.
func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always marshals
	}
	return string(text)
}

// loads are the stages: each rate, each concurrency, or all doublings up to the last.
func (b *benchFlags) loads() []string {
	var out []string
	for _, r := range b.rates {
		out = append(out, fmt.Sprintf("{open: {rate: %s, arrivals: poisson}, %s, warmup: {duration: 2s}}", r, b.bounds(1)))
	}
	levels, stop := b.concurrency, ""
	if b.doubling() {
		stop = fmt.Sprintf(", stop: {error_rate: %v, ends: run}", maxErrors)
		for c := 1; c <= benchTop; c *= 2 {
			levels = append(levels, c)
		}
	}
	for _, c := range levels {
		out = append(out, fmt.Sprintf("{closed: {concurrency: %d}, %s, warmup: {requests: %d}%s}", c, b.bounds(c), c, stop))
	}
	return out
}

// bounds is how a stage ends: as the flags say, else by requests or time, whichever comes first.
func (b *benchFlags) bounds(concurrency int) string {
	switch {
	case b.requests > 0 && b.duration > 0:
		return fmt.Sprintf("requests: %d, duration: %s", b.requests, b.duration)
	case b.requests > 0:
		return fmt.Sprintf("requests: %d", b.requests)
	case b.duration > 0:
		return fmt.Sprintf("duration: %s", b.duration)
	}
	return fmt.Sprintf("requests: %d, duration: %s", max(benchRequests, benchPerSlot*concurrency), max(benchDuration, b.shortest).Round(time.Second))
}
