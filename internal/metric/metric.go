package metric

import (
	"slices"
	"strings"
)

// Name is the name of a metric, as scenarios write it and summaries carry it.
type Name string

// The metrics. Times are distributions over requests, or over the gaps of requests, in nanoseconds; the others are one
// number a stage. How each is computed stands in docs/metrics.md.
const (
	QueueDelay    Name = "queue_delay"
	DispatchDelay Name = "dispatch_delay"
	TTFT          Name = "ttft"
	ResponseTTFT  Name = "response_ttft"
	TTFOT         Name = "ttfot"
	E2E           Name = "e2e"
	ResponseE2E   Name = "response_e2e"
	LogicalE2E    Name = "logical_e2e"
	ICL           Name = "icl"
	MaxGap        Name = "max_gap"
	TPOT          Name = "tpot"
	ITL           Name = "itl"

	OutputTokensPerS Name = "output_tokens_per_s"
	RequestsPerS     Name = "requests_per_s"
	InputTokensPerS  Name = "input_tokens_per_s"
	TotalTokensPerS  Name = "total_tokens_per_s"
	TokSPerUser      Name = "tok_s_per_user"
	TokSPerGPU       Name = "tok_s_per_gpu"
	Goodput          Name = "goodput"
	Attainment       Name = "attainment"
	SuccessRate      Name = "success_rate"
	ErrorRate        Name = "error_rate"
)

// Info describes a metric.
type Info struct {
	Name  Name
	Title string // for headings: "Time to first token"
	Unit  Unit
	// Distribution says that the metric has quantiles; without it, it is one number a stage.
	Distribution bool
	// HigherIsBetter says which way is an improvement.
	HigherIsBetter bool
	// Open is the metric that this name stands for in open loop, where latency counts from the intended time: ttft is
	// response_ttft, e2e is response_e2e, any other is itself.
	Open Name
}

// All describes every metric, in the order in which reports list them.
func All() []Info {
	return []Info{
		latency(QueueDelay, "Queue delay", QueueDelay),
		latency(DispatchDelay, "Dispatch delay", DispatchDelay),
		latency(TTFT, "Time to first token", ResponseTTFT),
		latency(ResponseTTFT, "Time to first token from intended", ResponseTTFT),
		latency(TTFOT, "Time to first output token", TTFOT),
		latency(E2E, "End-to-end latency", ResponseE2E),
		latency(ResponseE2E, "End-to-end latency from intended", ResponseE2E),
		latency(LogicalE2E, "End-to-end latency with retries", LogicalE2E),
		latency(ICL, "Inter-chunk latency", ICL),
		latency(MaxGap, "Largest gap", MaxGap),
		latency(TPOT, "Time per output token", TPOT),
		latency(ITL, "Inter-token latency", ITL),
		scalar(OutputTokensPerS, "Output tokens per second", tokensPerSecond),
		scalar(RequestsPerS, "Requests per second", requestsPerSecond),
		scalar(InputTokensPerS, "Input tokens per second", tokensPerSecond),
		scalar(TotalTokensPerS, "Total tokens per second", tokensPerSecond),
		scalar(TokSPerUser, "Tokens per second per user", tokensPerSecond),
		scalar(TokSPerGPU, "Tokens per second per GPU", tokensPerSecond),
		scalar(Goodput, "Goodput", requestsPerSecond),
		scalar(Attainment, "SLO attainment", ratio),
		scalar(SuccessRate, "Success rate", ratio),
		{Name: ErrorRate, Title: "Error rate", Unit: ratio, Open: ErrorRate},
	}
}

func latency(name Name, title string, open Name) Info {
	return Info{Name: name, Title: title, Unit: duration, Distribution: true, Open: open}
}

func scalar(name Name, title string, unit Unit) Info {
	return Info{Name: name, Title: title, Unit: unit, HigherIsBetter: true, Open: name}
}

// OfStreams reports whether only streams have the metric: an answer that comes whole has no first token before its last.
func OfStreams(name Name) bool {
	switch name {
	case TTFT, ResponseTTFT, TTFOT, ICL, MaxGap, TPOT, ITL, TokSPerUser:
		return true
	}
	return false
}

// Lookup finds a metric by its name.
func Lookup(name string) (Info, bool) {
	all := All()
	i := slices.IndexFunc(all, func(m Info) bool { return string(m.Name) == name })
	if i < 0 {
		return Info{}, false
	}
	return all[i], true
}

// Suggest returns the metric's name that is most like a misspelt one, "" when none is like it.
func Suggest(name string) string {
	const alike = 0.33 // two letters of a four-letter name swapped
	best, most := "", alike
	for _, m := range All() {
		if s := similarity(strings.ToLower(name), string(m.Name)); s > most {
			best, most = string(m.Name), s
		}
	}
	return best
}

// similarity is the Dice coefficient of the pairs of neighbouring letters: shared pairs over the mean number of pairs. It finds
// a name from its beginning (success) as well as from a slip.
func similarity(a, b string) float64 {
	if a == b {
		return 1
	}
	pairs := map[string]int{}
	for i := range max(len(a)-1, 0) {
		pairs[a[i:i+2]]++
	}
	shared := 0
	for i := range max(len(b)-1, 0) {
		if pairs[b[i:i+2]] > 0 {
			pairs[b[i:i+2]]--
			shared++
		}
	}
	return 2 * float64(shared) / float64(max(len(a)+len(b)-2, 1))
}
