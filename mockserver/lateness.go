package mockserver

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Lateness says how far behind its own plan the server wrote, token by token:
// the time just before the write minus the time at which the token was due.
// Where a fault stalled, or a client did not read and so blocked a write, the
// tokens that were due meanwhile count from its end.
type Lateness struct {
	Tokens int64   `json:"tokens"`
	P50MS  float64 `json:"p50_ms"`
	P99MS  float64 `json:"p99_ms"`
	MaxMS  float64 `json:"max_ms"`
}

// A lateMeter gathers the lateness of tokens.
type lateMeter struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram // ns
}

// maxLate is the most that the meter tells apart.
const maxLate = time.Hour

func newLateMeter() *lateMeter {
	return &lateMeter{h: hdrhistogram.New(1, int64(maxLate), 2)}
}

// add takes in tokens that were due at the given times and written at another.
// None counts from before free, until when the stream was held back.
func (m *lateMeter) add(due []int64, written, free int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, at := range due {
		late := written - max(at, free)
		_ = m.h.RecordValue(min(max(late, 0), int64(maxLate))) // clamped: cannot be out of range
	}
}

// reset begins again.
func (m *lateMeter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.h.Reset()
}

func (m *lateMeter) read() Lateness {
	m.mu.Lock()
	defer m.mu.Unlock()
	ms := func(ns int64) float64 { return float64(ns) / 1e6 }
	l := Lateness{Tokens: m.h.TotalCount()}
	if l.Tokens > 0 {
		l.P50MS, l.P99MS, l.MaxMS = ms(m.h.ValueAtQuantile(50)), ms(m.h.ValueAtQuantile(99)), ms(m.h.Max())
	}
	return l
}
