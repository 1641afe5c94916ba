package scenarios

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// Trace is the file that a stage's arrivals are taken from.
type Trace struct {
	Format  string `yaml:"format"` // mooncake | azure | burstgpt
	SHA256  string `yaml:"sha256"`
	Count   int    `yaml:"count"`             // requests in the file
	Skipped int    `yaml:"skipped,omitempty"` // of others without a prompt or an answer: BurstGPT's failures
}

// trace is a recorded load: who came when, with how much to read and to say.
type trace struct {
	info     *Trace
	requests []traced // in order of time, the first at zero
	blocks   int      // different hash_ids
}

// traced is one request of a trace.
type traced struct {
	at      time.Duration
	in, out int
	blocks  []int // numbers of the blocks that its prompt is made of, where the trace tells them
}

// lap is the time, in nanoseconds, from the trace's begin to the begin of its next round: a mean gap behind its end.
func (t *trace) lap() float64 {
	n := len(t.requests)
	return float64(t.requests[n-1].at) * float64(n) / float64(n-1)
}

// rate is the trace's mean rate, a second.
func (t *trace) rate() float64 {
	if len(t.requests) < 2 {
		return 1 // its mistakes are said
	}
	return float64(len(t.requests)) / t.lap() * float64(time.Second)
}

// after is how many of the trace's requests come behind the warm-up.
func (t *trace) after(w Warmup, speed float64) int {
	first := 0
	for first < len(t.requests) && (first < w.Requests || float64(t.requests[first].at)/speed < float64(w.Duration)) {
		first++
	}
	return len(t.requests) - first
}

// of is the request of a prompt's index.
func (t *trace) of(index int64) *traced { return &t.requests[uint64(index)%uint64(len(t.requests))] }

func (r *resolver) readTrace(name, place string) *trace {
	if t, ok := r.traces[name]; ok {
		return t
	}
	t := &trace{info: &Trace{}}
	r.traces[name] = t
	body, err := r.spec.open(name)
	if err != nil {
		r.fail(place, "cannot read the trace: %v", err)
		return t
	}
	sum := sha256.Sum256(body)
	t.info.SHA256 = hex.EncodeToString(sum[:])
	read := traceReader{dataFile: dataFile{name, bytes.TrimPrefix(body, []byte("\ufeff"))}, trace: t}
	switch requests, err := read.all(); {
	case err != nil:
		r.errs = append(r.errs, err)
	case len(requests) < 2 || requests[len(requests)-1].at == 0:
		r.fail(place, "%s: a trace needs two requests at different times, this one has %d that can be used", name, len(requests))
	default:
		t.requests = requests
	}
	return t
}

// traceReader reads the formats in which traces are published, told apart by how they begin.
type traceReader struct {
	dataFile
	*trace
	errs []error
	bad  int // lines
	more int // where the first line begins that is not shown
}

const traceForms = "a trace is Mooncake's JSONL (timestamp, input_length, output_length), or CSV with the heads of the Azure LLM trace " +
	"(TIMESTAMP, ContextTokens, GeneratedTokens) or of BurstGPT (Timestamp, Request tokens, Response tokens)"

func (f *traceReader) all() ([]traced, error) {
	var requests []traced
	if body := bytes.TrimLeft(f.body, " \t\r\n"); len(body) > 0 && body[0] == '{' {
		f.info.Format = "mooncake"
		requests = f.mooncake()
	} else {
		requests = f.table()
	}
	if f.bad > maxFileErrors {
		f.errs = append(f.errs, f.errorAt(f.more, nil, fmt.Sprintf("from here on %d more lines are wrong", f.bad-maxFileErrors)))
	}
	slices.SortStableFunc(requests, func(a, b traced) int { return cmp.Compare(a.at, b.at) })
	for i := len(requests) - 1; i >= 0; i-- {
		requests[i].at -= requests[0].at
	}
	f.info.Count = len(requests)
	return requests, strictyaml.Join(f.errs...)
}

// wrong notes a mistake in the line that begins at start.
func (f *traceReader) wrong(start int, err error, want string) {
	switch f.bad++; {
	case f.bad <= maxFileErrors:
		f.errs = append(f.errs, f.errorAt(start, err, want))
	case f.bad == maxFileErrors+1:
		f.more = start
	}
}

// mooncake reads one {"timestamp": ms, "input_length": n, "output_length": n, "hash_ids": [...]} a line.
func (f *traceReader) mooncake() (out []traced) {
	const want = `each line must be an object such as {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47]}`
	numbers := map[int64]int{}
	for start, end := 0, 0; start < len(f.body); start = end + 1 {
		end = len(f.body)
		if n := bytes.IndexByte(f.body[start:], '\n'); n >= 0 {
			end = start + n
		}
		line := bytes.TrimSpace(f.body[start:end])
		if len(line) == 0 {
			continue
		}
		var e struct {
			Timestamp *float64 `json:"timestamp"`
			Input     *int     `json:"input_length"`
			Output    *int     `json:"output_length"`
			HashIDs   []int64  `json:"hash_ids"`
		}
		err := json.Unmarshal(line, &e)
		if err != nil || e.Timestamp == nil || e.Input == nil || e.Output == nil {
			f.wrong(start, err, want)
			continue
		}
		if r, ok := f.request(start, fromSeconds(*e.Timestamp/1000), *e.Input, *e.Output); ok {
			r.blocks = numbered(numbers, e.HashIDs)
			out = append(out, r)
		}
	}
	f.blocks = len(numbers)
	return out
}

// numbered numbers ids as they come, from 0 on.
func numbered(numbers map[int64]int, ids []int64) []int {
	var out []int
	for _, id := range ids {
		n, ok := numbers[id]
		if !ok {
			n = len(numbers)
			numbers[id] = n
		}
		out = append(out, n)
	}
	return out
}

// longestTrace bounds times; those of the formats with dates count from 1970.
const longestTrace = 100 * 365 * 24 * time.Hour

// request checks one; ok is false for what is wrong and for what is skipped.
func (f *traceReader) request(start int, at time.Duration, in, out int) (r traced, ok bool) {
	switch {
	case at < 0 || at > longestTrace:
		f.wrong(start, nil, "the time must be from 0 to 100 years")
	case in < 0 || out < 0 || in > maxTokens || out > maxTokens:
		f.wrong(start, nil, fmt.Sprintf("lengths must be from 0 to %d tokens", maxTokens))
	case in == 0 || out == 0:
		f.info.Skipped++
	default:
		return traced{at: at, in: in, out: out}, true
	}
	return r, false
}

// table reads CSV by its heads.
func (f *traceReader) table() (out []traced) {
	rows := csv.NewReader(bytes.NewReader(f.body))
	rows.ReuseRecord = true
	head, err := rows.Read()
	at, clock := f.columns(head)
	if err != nil || at == nil {
		f.errs = append(f.errs, f.errorAt(0, nil, traceForms))
		return nil
	}
	for {
		start := int(rows.InputOffset())
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			f.wrong(f.lineStart(start), nil, bad.Err.Error())
			continue
		}
		start = f.lineStart(start)
		when, err := clock(row[at[0]])
		in, inErr := wholeTokens(row[at[1]])
		n, outErr := wholeTokens(row[at[2]])
		if err := errors.Join(err, inErr, outErr); err != nil {
			f.wrong(start, nil, strings.ReplaceAll(err.Error(), "\n", "; "))
		} else if r, ok := f.request(start, when, in, n); ok {
			out = append(out, r)
		}
	}
}

// lineStart skips the blank lines that a CSV reader passes over.
func (f *traceReader) lineStart(at int) int {
	for at < len(f.body) && (f.body[at] == '\n' || f.body[at] == '\r') {
		at++
	}
	return at
}

func wholeTokens(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a whole number of tokens", text)
	}
	return n, nil
}

// columns finds time, input and output among the heads, and how the time is written; nil for heads that are not known.
func (f *traceReader) columns(head []string) (at []int, clock func(string) (time.Duration, error)) {
	find := func(names ...string) (at []int) {
		for _, name := range names {
			i := slices.IndexFunc(head, func(h string) bool { return strings.TrimSpace(h) == name })
			if i < 0 {
				return nil
			}
			at = append(at, i)
		}
		return at
	}
	if at := find("TIMESTAMP", "ContextTokens", "GeneratedTokens"); at != nil {
		f.info.Format = "azure"
		return at, azureTime
	}
	f.info.Format = "burstgpt"
	return find("Timestamp", "Request tokens", "Response tokens"), plainSeconds
}

// azureTime reads `2023-11-16 18:15:46.6805900`, with a zone in later traces, from 1970 on.
func azureTime(text string) (time.Duration, error) {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05Z07:00"} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return time.Duration(t.UnixNano()), nil
		}
	}
	return 0, fmt.Errorf("%.40q is not a time such as 2023-11-16 18:15:46.6805900", text)
}

func plainSeconds(text string) (time.Duration, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a time in seconds", text)
	}
	return fromSeconds(v), nil
}

// fromSeconds turns what is no time, or too long a one, into one that is refused.
func fromSeconds(v float64) time.Duration {
	if !(v >= 0 && v <= longestTrace.Seconds()) {
		return -1
	}
	return time.Duration(math.Round(v * float64(time.Second)))
}
