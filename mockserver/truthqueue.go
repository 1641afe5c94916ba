package mockserver

import (
	"sync"
	"time"
)

const (
	maxQueued  = 16 << 20
	flushEvery = time.Second
)

// A truthQueue has the lines of the ledger written by a goroutine of its own,
// which lives while there are any: a slow disk, or a rotation, keeps nobody from
// the ledger. Nothing is dropped: where too much waits, who adds a line does too.
type truthQueue struct {
	file *truthFile // the writer's alone
	room int        // bytes of lines that wait for the disk; the one that goes over is taken

	mu     sync.Mutex
	turned sync.Cond // the writer took a batch, or ended
	lines  []truthLine
	bytes  int  // of lines that are not written
	adding int  // who reserved or waits for it, and has not put
	busy   bool // there is a writer
	due    bool // a flush is
	timer  *time.Timer
	closed bool
	err    error // of the file, as of the last batch
}

// A truthLine is a record as JSON behind its n.
type truthLine struct {
	n    int64
	rest []byte
}

// newTruthQueue returns nil for no file.
func newTruthQueue(f *truthFile) *truthQueue {
	if f == nil {
		return nil
	}
	q := &truthQueue{file: f, room: maxQueued}
	q.turned.L = &q.mu
	return q
}

// reserve waits until there is room for a line. Call it without any lock, and
// put afterwards.
func (q *truthQueue) reserve(rest []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.adding++
	for q.bytes > q.room && !q.closed {
		q.turned.Wait()
	}
	q.bytes += len(rest)
}

// put queues a line that has its room, behind those before it. It waits for
// nothing. After close the file is complete, and takes no more.
func (q *truthQueue) put(line truthLine) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.adding--
	if q.closed {
		q.turned.Broadcast()
		return
	}
	q.lines = append(q.lines, line)
	q.work()
}

// work sees to it that there is a writer. q.mu is held.
func (q *truthQueue) work() {
	if !q.busy {
		q.busy = true
		go q.write()
	}
}

// write is the writer.
func (q *truthQueue) write() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) > 0 || q.due {
		lines, due := q.lines, q.due
		q.lines, q.due = nil, false
		q.mu.Unlock()
		size := q.file.writeAll(lines)
		if due {
			q.file.flush()
		}
		q.mu.Lock()
		q.bytes, q.err = q.bytes-size, q.file.err
		if q.timer == nil && !due {
			q.timer = time.AfterFunc(flushEvery, q.flush)
		}
		q.turned.Broadcast()
	}
	q.busy = false
	q.turned.Broadcast()
}

// flush is the timer's call.
func (q *truthQueue) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.timer = nil
	if !q.closed {
		q.due = true
		q.work()
	}
}

func (q *truthQueue) failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// close waits until every line is written, those too that wait for room, and
// completes the file. It may be called again.
func (q *truthQueue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.busy || q.adding > 0 {
		q.turned.Wait()
	}
	q.closed = true
	if q.timer != nil {
		q.timer.Stop()
	}
	q.file.end(nil) // no writer is left, and none begins
	q.err = q.file.err
	return q.err
}
