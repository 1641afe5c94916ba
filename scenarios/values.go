package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// API is the kind of request.
type API string

// The APIs that a workload can use.
const (
	Chat        API = "chat"
	Completions API = "completions"
	Embeddings  API = "embeddings"
)

// UnmarshalText refuses an API that llmload does not send.
func (a *API) UnmarshalText(b []byte) error { return oneOf(a, b, Chat, Completions, Embeddings) }

// Cache says what the server's prefix cache should see.
type Cache string

// Cold puts a fresh nonce at the head of every prompt; warm repeats few prompts, each sent once in the warm-up; traced
// prompts share the prefixes that their trace says, and nothing with another run. Any other is shared(0.5): as large a part
// of each prompt is a head that all prompts of the stage have, new in every run.
const (
	Cold   Cache = "cold"
	Warm   Cache = "warm"
	Traced Cache = "trace"
)

// UnmarshalText refuses an unknown cache mode.
func (c *Cache) UnmarshalText(b []byte) error {
	text := string(b)
	if own := Cache(text); own == Cold || own == Warm || own == Traced {
		*c = own
		return nil
	}
	share, ok := strings.CutPrefix(text, "shared(")
	share, closed := strings.CutSuffix(share, ")")
	v, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
	if !ok || !closed || err != nil || !(v > 0 && v <= 1) {
		return fmt.Errorf("%q is not one of cold, warm, trace, shared(0.5); the share is above 0 and at most 1", text)
	}
	*c = Cache("shared(" + strconv.FormatFloat(v, 'f', -1, 64) + ")")
	return nil
}

// shared is the part of each prompt that all have; 0 where none is.
func (c Cache) shared() float64 {
	share, ok := strings.CutPrefix(string(c), "shared(")
	if !ok {
		return 0
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(share, ")"), 64)
	if err != nil {
		return 0
	}
	return v
}

// OutputMode says how an answer's length is asked for.
type OutputMode string

// Exact sets ignore_eos and min_tokens beside max_tokens; Capped sets max_tokens alone; Natural sets nothing.
const (
	Exact   OutputMode = "exact"
	Capped  OutputMode = "cap"
	Natural OutputMode = "natural"
)

// UnmarshalText refuses an unknown output mode.
func (m *OutputMode) UnmarshalText(b []byte) error { return oneOf(m, b, Exact, Capped, Natural) }

// BatchMode says how the prompts of a batch travel.
type BatchMode string

// Concurrent sends a batch's prompts as requests of their own at once; OneRequest sends them in one.
const (
	Concurrent BatchMode = "concurrent"
	OneRequest BatchMode = "request"
)

// UnmarshalText refuses an unknown batch mode.
func (m *BatchMode) UnmarshalText(b []byte) error { return oneOf(m, b, Concurrent, OneRequest) }

// Connections says which connection a request goes out on.
type Connections string

// Reuse takes one that is open and idle; Fresh opens one for each attempt; PerSession keeps one for each session.
const (
	Reuse      Connections = "reuse"
	Fresh      Connections = "fresh"
	PerSession Connections = "per_session"
)

// UnmarshalText refuses an unknown word. Reuse is the default, and written as none.
func (c *Connections) UnmarshalText(b []byte) error {
	if err := oneOf(c, b, Reuse, Fresh, PerSession); err != nil || *c != Reuse {
		return err
	}
	*c = ""
	return nil
}

func oneOf[T ~string](dst *T, b []byte, allowed ...T) error {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		if string(b) == string(a) {
			*dst = a
			return nil
		}
		names[i] = string(a)
	}
	return fmt.Errorf("%q is not one of %s", b, strings.Join(names, ", "))
}

// Secret is a value that no output may show.
type Secret string

// String hides the value; use string(s) to send it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText hides the value from every encoder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Rate is arrivals a second, written `5/s`, `90/m` or `3600/h`.
type Rate float64

// UnmarshalText reads a rate with its unit, from 1/h to 1000000/s.
func (r *Rate) UnmarshalText(b []byte) error {
	v, err := parseRate(string(b))
	*r = Rate(v)
	return err
}

// MarshalText writes the rate as String does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String writes the rate in the unit that makes it short, a second where several do: 5/s, 7/m.
func (r Rate) String() string {
	for _, unit := range []struct {
		name string
		per  float64
	}{{"s", 1}, {"m", 60}, {"h", 3600}} {
		const places = 1e6
		v := math.Round(float64(r)*unit.per*places) / places
		if v/unit.per == float64(r) {
			return strconv.FormatFloat(v, 'f', -1, 64) + "/" + unit.name
		}
	}
	return strconv.FormatFloat(float64(r), 'f', -1, 64) + "/s"
}

func parseRate(text string) (float64, error) {
	number, unit, ok := strings.Cut(text, "/")
	per := map[string]float64{"s": 1, "m": 60, "min": 60, "h": 3600}[strings.TrimSpace(unit)]
	if !ok || per == 0 {
		return 0, fmt.Errorf("rate %q needs a unit: write 5/s, 90/m or 3600/h", text)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("rate %q does not start with a number", text)
	}
	if v /= per; v < 1./3600 || v > 1e6 {
		return 0, fmt.Errorf("rate %q is outside 1/h to 1000000/s", text)
	}
	return v, nil
}

// Limit is a time limit: a duration, or `off`, which is zero.
type Limit time.Duration

// UnmarshalText reads `30s` and `off`.
func (l *Limit) UnmarshalText(b []byte) error {
	if string(b) == "off" {
		*l = 0
		return nil
	}
	d, err := time.ParseDuration(string(b))
	if err != nil || d <= 0 {
		return fmt.Errorf("time limit %q: write a duration such as 30s, or off", b)
	}
	*l = Limit(d)
	return nil
}

// MarshalText writes the duration or off.
func (l Limit) MarshalText() ([]byte, error) {
	if l == 0 {
		return []byte("off"), nil
	}
	return []byte(time.Duration(l).String()), nil
}

// Auto is a count, or `auto`, which is zero.
type Auto int

// UnmarshalText reads `64` and `auto`.
func (a *Auto) UnmarshalText(b []byte) error {
	if string(b) == "auto" {
		*a = 0
		return nil
	}
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 1 {
		return fmt.Errorf("%q: write a count of at least 1, or auto", b)
	}
	*a = Auto(n)
	return nil
}

// MarshalText writes the count or auto.
func (a Auto) MarshalText() ([]byte, error) {
	if a == 0 {
		return []byte("auto"), nil
	}
	return []byte(strconv.Itoa(int(a))), nil
}

// Cap is a limit on the client's own request rate: `off`, requests a minute (`600`), or smoothed requests a second
// (`10/s`).
type Cap struct {
	PerMinute int
	PerSecond float64
}

// UnmarshalText reads the three forms.
func (c *Cap) UnmarshalText(b []byte) error {
	text := string(b)
	if text == "off" {
		*c = Cap{}
		return nil
	}
	if strings.Contains(text, "/") {
		v, err := parseRate(text)
		*c = Cap{PerSecond: v}
		return err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf("rate limit %q: write requests a minute such as 600, a rate such as 10/s, or off", text)
	}
	*c = Cap{PerMinute: n}
	return nil
}

// MarshalText writes the form that it was given in.
func (c Cap) MarshalText() ([]byte, error) {
	switch {
	case c.PerMinute > 0:
		return []byte(strconv.Itoa(c.PerMinute)), nil
	case c.PerSecond > 0:
		return Rate(c.PerSecond).MarshalText()
	}
	return []byte("off"), nil
}
