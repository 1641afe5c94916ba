package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"

	"github.com/llmload/llmload/results"
)

// maxLine bounds a record's line: a stream of a million arrivals is 20 MB.
const maxLine = 64 << 20

// Records walks over the run's records in the order in which they ended, in memory for one. A file that ends inside a
// frame ends the walk; Truncated says so afterwards. A line that is no record is an error with its place, and the walk
// goes on.
func (r *Run) Records() iter.Seq2[*results.Record, error] {
	return func(yield func(*results.Record, error) bool) {
		path := filepath.Join(r.Dir, recordsFile)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			err = missingPart(r.Dir, recordsFile)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		r.truncated, err = readRecords(f, func(line int, text []byte) bool {
			rec, err := decodeRecord(text)
			if err != nil {
				err = fmt.Errorf("%s: record %d: %w", path, line, err)
			}
			return yield(rec, err)
		})
		if err != nil {
			yield(nil, fmt.Errorf("%s: %w", path, err))
		}
	}
}

// readRecords calls each with every whole line, counted from 1, until it returns false. truncated says that the input
// ended inside a frame or a line.
func readRecords(in io.Reader, each func(line int, text []byte) bool) (truncated bool, err error) {
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return false, err
	}
	defer z.Close()
	lines := bufio.NewReaderSize(z, 1<<16)
	var buf []byte
	for n := 1; ; n++ {
		buf, err = readLine(lines, buf[:0])
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return len(buf) > 0, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return true, nil
		default:
			return false, fmt.Errorf("after record %d: %w", n-1, err)
		}
		if !each(n, buf) {
			return false, nil
		}
	}
}

// readLine appends the next line to buf, without its end. With io.EOF, buf holds a line that was cut off.
func readLine(lines *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := lines.ReadSlice('\n')
		buf = append(buf, part...)
		switch {
		case len(buf) > maxLine:
			return buf, fmt.Errorf("a line is longer than %d bytes", maxLine)
		case err == nil:
			return buf[:len(buf)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return buf, err
		}
	}
}
