package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/llmload/llmload/results"
)

// How records travel to the file. A frame is closed after flushEvery, so that a kill costs less than the second that the
// folder promises; or at frameSize, so that frames stay small. More than maxPending waits only for a disk that hangs:
// then records are given up and counted, because the measurement must not wait for the disk.
const (
	flushEvery = 250 * time.Millisecond
	frameSize  = 1 << 20
	blockSize  = 64 << 10 // is compressed at a stretch: a frame takes some ms, for which nothing else would run on a single processor
	maxPending = 64 << 20
)

// errClosed is the answer to a record that comes after the end.
var errClosed = errors.New("the run folder is closed")

// errBehind is the answer to a record that found no room.
var errBehind = errors.New("the disk is too slow: too many records wait for it")

// recordLog writes records as lines of JSON in zstd frames. One goroutine compresses and writes.
type recordLog struct {
	file    io.WriteCloser
	zstd    *zstd.Encoder
	out     bytes.Buffer  // the last frame's bytes, to use again
	buffers sync.Pool     // of *[]byte
	wake    chan struct{} // holds one signal: there is a frame to write, or the end
	done    chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	written sync.Cond // on mu: a frame was
	pending []byte
	lines   int64 // in pending
	spare   []byte
	closed  bool
	broken  bool // a write failed: a frame after half a frame could not be read
	dropped int64
	err     error // the first
}

func newRecordLog(file io.WriteCloser) (*recordLog, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("start compressing: %w", err)
	}
	l := &recordLog{file: file, zstd: enc, wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.written.L = &l.mu
	go l.run()
	return l, nil
}

// append encodes outside the lock, into a buffer that is used again.
func (l *recordLog) append(r *results.Record) error {
	line, ok := l.buffers.Get().(*[]byte)
	if !ok {
		line = new([]byte)
	}
	defer l.buffers.Put(line)
	*line = append(r.AppendJSON((*line)[:0]), '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return l.lose(1, errClosed)
	case l.broken:
		return l.lose(1, l.err)
	case len(l.pending)+len(*line) > maxPending:
		return l.lose(1, errBehind)
	}
	l.pending = append(l.pending, *line...)
	l.lines++
	if len(l.pending) >= frameSize {
		l.signal()
	}
	return nil
}

// appendWhole keeps a record, and waits for the disk where that is behind: for who is not measuring.
func (l *recordLog) appendWhole(r *results.Record) error {
	l.mu.Lock()
	for len(l.pending) >= frameSize && !l.broken && !l.closed {
		l.written.Wait()
	}
	l.mu.Unlock()
	return l.append(r)
}

// lose counts records that cannot be kept. It is called with the lock held.
func (l *recordLog) lose(lines int64, why error) error {
	l.dropped += lines
	if l.err == nil {
		l.err = why
	}
	return why
}

func (l *recordLog) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run writes frames until the log is closed and empty.
func (l *recordLog) run() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for closed := false; !closed; {
		select {
		case <-tick.C:
		case <-l.wake:
		}
		closed = l.flush()
	}
}

// flush writes what waits as one frame and reports whether the log was closed before.
func (l *recordLog) flush() (closed bool) {
	l.mu.Lock()
	closed, broken := l.closed, l.broken
	frame, lines := l.pending, l.lines
	l.pending, l.lines, l.spare = l.spare[:0], 0, nil
	l.mu.Unlock()
	defer l.written.Broadcast()
	var err error
	if len(frame) > 0 && !broken {
		err = l.write(frame)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.broken = true
		_ = l.lose(lines, remedy("write records", err)) // close returns it
	case broken:
		_ = l.lose(lines, l.err)
	}
	if cap(frame) <= 4*frameSize {
		l.spare = frame
	}
	return closed
}

func (l *recordLog) write(frame []byte) error {
	l.out.Reset()
	l.zstd.Reset(&l.out)
	for block := range slices.Chunk(frame, blockSize) {
		if _, err := l.zstd.Write(block); err != nil {
			return err
		}
		runtime.Gosched()
	}
	if err := l.zstd.Close(); err != nil {
		return err
	}
	_, err := l.file.Write(l.out.Bytes())
	return err
}

func (l *recordLog) lost() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// close writes what waits. It returns the first error that any record met, once.
func (l *recordLog) close() error {
	l.mu.Lock()
	again := l.closed
	l.closed = true
	l.mu.Unlock()
	if again {
		return nil
	}
	l.signal()
	<-l.done
	err := l.file.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		err = errors.Join(fmt.Errorf("%d records lost: %w", l.dropped, l.err), err)
	}
	return err
}
