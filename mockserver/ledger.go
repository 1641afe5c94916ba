package mockserver

import (
	"bytes"
	"encoding/json"
	"sync"
)

// A Record is the truth about one attempt. Times are nanoseconds on
// CLOCK_MONOTONIC (on other systems than Linux: since the server's start).
type Record struct {
	N         int64  `json:"n"`   // place in the ledger, from 1, in order of completion
	Seq       int64  `json:"seq"` // number of the attempt, from 1, in order of arrival
	RequestID string `json:"request_id"`
	Stage     string `json:"stage,omitempty"`
	// ConfigVersion is that of the config that decided the attempt, from 1; see GET /admin/config.
	ConfigVersion int64  `json:"config_version"`
	Path          string `json:"path"`
	Model         string `json:"model,omitempty"`
	Stream        bool   `json:"stream"`

	PromptTokens  int `json:"prompt_tokens"`
	CachedTokens  int `json:"cached_tokens"`
	PlannedTokens int `json:"planned_tokens"` // of output, over all prompts

	ArrivedNS  int64 `json:"arrived_ns"`            // request line and body were here
	AdmittedNS int64 `json:"admitted_ns,omitempty"` // left the queue; of several prompts the first
	// One entry a token, in the order of writing: when its chunk was due, and
	// the time just before its write. A plain answer has one entry in each.
	PlannedNS []int64 `json:"planned_ns,omitempty"`
	WrittenNS []int64 `json:"written_ns,omitempty"`
	// StampsDropped is the number of tokens whose stamps memory has no room for:
	// both lists are empty then. The file has them.
	StampsDropped int   `json:"stamps_dropped,omitempty"`
	DoneNS        int64 `json:"done_ns"`

	Status  int     `json:"status"`
	Fault   string  `json:"fault,omitempty"`  // name of the fault that hit; header: the request's own
	Action  string  `json:"action,omitempty"` // what it did, as Action.String; none: the request's own fault was none
	Outcome Outcome `json:"outcome"`
}

// An Outcome says how an attempt ended: "done", answered in full; "rejected",
// refused by the rules of the API, a limit or a full queue; "fault", ended by a
// fault; "client_gone", the client left first; "closed", the server was closed
// under it.
type Outcome string

const (
	outcomeDone     Outcome = "done"
	outcomeRejected Outcome = "rejected"
	outcomeFault    Outcome = "fault"
	outcomeGone     Outcome = "client_gone"
	outcomeClosed   Outcome = "closed"
)

const (
	maxRecords = 10_000
	maxStamps  = 2_000_000 // token stamps held over all records: 16 MB
)

// A ledger holds the newest records in bounded memory and appends all of them
// to a file.
type ledger struct {
	mu      sync.Mutex
	records []Record // oldest first
	stamps  int
	n       int64
	dropped int64         // from memory, not from the file
	grown   chan struct{} // nil, or closed when a reader that waits has to look again
	resets  int
	closed  bool

	queue *truthQueue // nil: no file
}

func openLedger(t Truth) (*ledger, error) {
	f, err := openTruth(t)
	return &ledger{queue: newTruthQueue(f)}, err
}

// add writes a record. It waits for a file that cannot keep up, so call it
// without a lock that others need.
func (l *ledger) add(r Record) {
	var rest []byte
	if l.queue != nil {
		rest = r.line() // outside of the lock: a long answer takes a while
		l.queue.reserve(rest)
	}
	if r.stamps() > maxStamps {
		r.StampsDropped, r.PlannedNS, r.WrittenNS = len(r.PlannedNS), nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	r.N = l.n
	l.records = append(l.records, r)
	l.stamps += r.stamps()
	l.dropOld()
	l.wake()
	if l.queue != nil {
		l.queue.put(truthLine{r.N, rest}) // under the lock: the file is in the order of n
	}
}

// dropOld keeps memory within its bounds.
func (l *ledger) dropOld() {
	drop := 0
	for len(l.records)-drop > maxRecords || l.stamps > maxStamps {
		l.stamps -= l.records[drop].stamps()
		l.records[drop] = Record{} // lets its stamps go now, not when the slice grows
		drop++
	}
	l.records = l.records[drop:]
	l.dropped += int64(drop)
}

func (r Record) stamps() int { return len(r.PlannedNS) + len(r.WrittenNS) }

// line is the record as JSON behind its n, which is not known yet.
func (r Record) line() []byte {
	r.N = 0
	text, _ := json.Marshal(r) // numbers and strings: cannot fail
	return append(bytes.TrimPrefix(text, []byte(`{"n":0`)), '\n')
}

// wake tells those who wait for more.
func (l *ledger) wake() {
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// reset forgets all records and begins to count from 1 again. What follows the
// ledger comes to its end. The file goes on.
func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records, l.stamps, l.n, l.dropped = nil, 0, 0, 0
	l.resets++
	l.wake()
}

func (l *ledger) counts() (n, dropped int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n, l.dropped
}

// failed is the first error of the file so far.
func (l *ledger) failed() error {
	if l.queue == nil {
		return nil
	}
	return l.queue.failed()
}

// close completes the file. Readers get what is left, and then the end.
func (l *ledger) close() error {
	var err error
	if l.queue != nil {
		err = l.queue.close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake()
	return err
}
