package mockserver

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// A Record is the truth about one attempt. Times are nanoseconds on
// CLOCK_MONOTONIC (on other systems than Linux: since the server's start).
type Record struct {
	N         int64  `json:"n"`   // place in the ledger, from 1, in order of completion
	Seq       int64  `json:"seq"` // number of the attempt, from 1, in order of arrival
	RequestID string `json:"request_id"`
	Stage     string `json:"stage,omitempty"`
	Path      string `json:"path"`
	Model     string `json:"model,omitempty"`
	Stream    bool   `json:"stream"`

	PromptTokens  int `json:"prompt_tokens"`
	CachedTokens  int `json:"cached_tokens"`
	PlannedTokens int `json:"planned_tokens"` // of output, over all prompts

	ArrivedNS  int64 `json:"arrived_ns"`            // request line and body were here
	AdmittedNS int64 `json:"admitted_ns,omitempty"` // left the queue; of several prompts the first
	// One entry a token, in the order of writing: when its chunk was due, and
	// the time just before its write. A plain answer has one entry in each.
	PlannedNS []int64 `json:"planned_ns,omitempty"`
	WrittenNS []int64 `json:"written_ns,omitempty"`
	DoneNS    int64   `json:"done_ns"`

	Status  int     `json:"status"`
	Fault   string  `json:"fault,omitempty"`  // name of the fault that hit
	Action  string  `json:"action,omitempty"` // what it did, as Action.String
	Outcome Outcome `json:"outcome"`
}

// An Outcome says how an attempt ended.
type Outcome string

// The outcomes of an attempt.
const (
	Done       Outcome = "done"        // answered in full
	Rejected   Outcome = "rejected"    // refused by the rules of the API, or the queue was full
	Faulted    Outcome = "fault"       // ended by a fault
	ClientGone Outcome = "client_gone" // the client left first
	Closed     Outcome = "closed"      // the server was closed under it
)

const (
	maxRecords = 10_000
	maxStamps  = 2_000_000 // token stamps held over all records: 16 MB
	flushEvery = time.Second
)

// A ledger holds the newest records in bounded memory and appends all of them
// to a file.
type ledger struct {
	mu      sync.Mutex
	records []Record // oldest first
	stamps  int
	n       int64
	dropped int64 // from memory, not from the file

	file  *os.File
	out   *bufio.Writer
	timer *time.Timer // armed while the writer holds unflushed records
	err   error       // the first
}

func openLedger(name string) (*ledger, error) {
	l := &ledger{}
	if name == "" {
		return l, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("mockserver: truth ledger: %w", err)
	}
	l.file, l.out = f, bufio.NewWriterSize(f, 64<<10)
	return l, nil
}

func (l *ledger) add(r Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	r.N = l.n
	l.records = append(l.records, r)
	l.stamps += r.stamps()
	drop := 0
	for len(l.records)-drop > maxRecords || l.stamps > maxStamps && len(l.records)-drop > 1 {
		l.stamps -= l.records[drop].stamps()
		l.records[drop] = Record{} // lets its stamps go now, not when the slice grows
		drop++
	}
	l.records = l.records[drop:]
	l.dropped += int64(drop)
	l.write(r)
}

func (r Record) stamps() int { return len(r.PlannedNS) + len(r.WrittenNS) }

func (l *ledger) write(r Record) {
	if l.out == nil {
		return
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	l.fail(err)
	if l.timer == nil {
		l.timer = time.AfterFunc(flushEvery, l.flush)
	}
}

func (l *ledger) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if l.out != nil {
		l.fail(l.out.Flush())
	}
}

func (l *ledger) fail(err error) {
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("mockserver: truth ledger: %w", err)
	}
}

// since returns the records in memory whose N is above n, oldest first.
func (l *ledger) since(n int64) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := l.n - int64(len(l.records)) // N of the record before the oldest
	skip := min(max(n-first, 0), int64(len(l.records)))
	return append([]Record(nil), l.records[skip:]...)
}

func (l *ledger) counts() (n, dropped int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n, l.dropped
}

func (l *ledger) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	if l.out == nil {
		return l.err
	}
	l.fail(l.out.Flush())
	err := errors.Join(l.err, l.file.Close())
	l.out, l.file = nil, nil
	return err
}
