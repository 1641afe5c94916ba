package mockserver

// readBatch is how many records are copied under the ledger's lock at once.
const readBatch = 64

// A ledgerReader goes through the records in memory, oldest first. It holds a
// batch, never the ledger, so a slow one costs the server nothing.
type ledgerReader struct {
	l       *ledger
	at      int64 // N of the record read last
	top     int64 // of the newest when reading began
	dropped int64 // records behind at that were not in memory any more by then
	resets  int
	batch   []Record
}

func (l *ledger) reader(since int64) *ledgerReader {
	l.mu.Lock()
	defer l.mu.Unlock()
	since = max(since, 0)
	return &ledgerReader{l: l, at: since, top: l.n, dropped: max(0, l.before()-since), resets: l.resets}
}

// before is N of the record before the oldest in memory.
func (l *ledger) before() int64 { return l.n - int64(len(l.records)) }

// next returns some records more. Without any there is a channel that is closed
// when it is worth while to ask again, or nil: there will be none.
func (r *ledgerReader) next() (records []Record, grown <-chan struct{}) {
	l := r.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.resets != l.resets {
		return nil, nil
	}
	if skip := max(0, r.at-l.before()); skip < int64(len(l.records)) {
		r.batch = append(r.batch[:0], l.records[skip:min(skip+readBatch, int64(len(l.records)))]...)
		r.at = r.batch[len(r.batch)-1].N
		return r.batch, nil
	}
	if l.closed {
		return nil, nil
	}
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return nil, l.grown
}

// untilTop yields what there was when reading began, in batches.
func (r *ledgerReader) untilTop(yield func([]Record) bool) {
	for r.at < r.top {
		records, _ := r.next()
		for len(records) > 0 && records[len(records)-1].N > r.top {
			records = records[:len(records)-1] // came meanwhile
		}
		if len(records) == 0 || !yield(records) {
			return
		}
	}
}
