package mockserver

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/dustin/go-humanize"

	"github.com/llmload/llmload/internal/strictyaml"
)

// A Truth says where the truth ledger is appended to as JSONL. In YAML it is the
// file's name alone or a mapping. The zero value keeps the ledger in memory only.
type Truth struct {
	File string `yaml:"file"` // empty: none
	// MaxSize is the size in bytes that the file does not grow over: before
	// that, FILE becomes FILE.1, FILE.1 becomes FILE.2, and a new FILE begins. A
	// record is never split; one that is larger has a file of its own. 0: no
	// limit. In YAML it may have a unit: 256MB, 64MiB.
	MaxSize int64 `yaml:"max_size,omitempty"`
	Keep    int   `yaml:"keep,omitempty"` // with MaxSize: files besides FILE; an older one is removed; 0: 4
}

// UnmarshalNode reads a file's name or a mapping.
func (t *Truth) UnmarshalNode(n strictyaml.Node) error {
	if n.Kind() == strictyaml.Scalar {
		*t = Truth{File: n.Text()}
		return nil
	}
	in := struct {
		File    string   `yaml:"file"`
		MaxSize byteSize `yaml:"max_size"`
		Keep    int      `yaml:"keep"`
	}{t.File, byteSize(t.MaxSize), t.Keep}
	err := n.Decode(&in)
	if !n.Get("keep").IsZero() {
		in.Keep = written(in.Keep)
	}
	*t = Truth{in.File, int64(in.MaxSize), in.Keep}
	return err
}

// A byteSize is a size as people write it.
type byteSize int64

func (b *byteSize) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil || n > 1<<62 {
		return fmt.Errorf("%q is not a size; write for example 256MB", text)
	}
	*b = byteSize(n)
	return nil
}

const (
	defaultKeep = 4
	maxKeep     = 1000 // renames that one rotation may cost
)

func (t Truth) withDefaults() Truth {
	if t.MaxSize != 0 {
		t.Keep = cmp.Or(t.Keep, defaultKeep)
	}
	return t
}

func (t Truth) check(bad func(where, format string, args ...any)) {
	switch {
	case t.MaxSize < 0:
		bad("truth.max_size", "must not be negative")
	case t.File == "" && (t.MaxSize != 0 || t.Keep != 0):
		bad("truth", "max_size and keep go with a file")
	case t.MaxSize == 0 && t.Keep != 0:
		bad("truth.keep", "goes with max_size: without it there is one file")
	case t.MaxSize != 0 && (t.Keep < 1 || t.Keep > maxKeep):
		bad("truth.keep", "must be 1 to %d", maxKeep)
	}
}

// A truthFile appends whole lines to a file that it rotates.
type truthFile struct {
	Truth
	file *os.File // nil: nothing can be written any more
	out  *bufio.Writer
	size int64 // of the file, with what is not flushed yet
	err  error // the first
}

// openTruth returns nil where no file is wanted.
func openTruth(t Truth) (*truthFile, error) {
	if t.File == "" {
		return nil, nil
	}
	f := &truthFile{Truth: t, out: bufio.NewWriterSize(nil, 64<<10)}
	f.open()
	return f, f.err
}

func (f *truthFile) open() {
	file, err := os.OpenFile(f.File, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		f.fail(err)
		return
	}
	info, err := file.Stat()
	if err != nil {
		f.fail(errors.Join(err, file.Close()))
		return
	}
	f.file, f.size = file, info.Size()
	f.out.Reset(file)
}

// writeAll appends lines and returns how many bytes came with them.
func (f *truthFile) writeAll(lines []truthLine) (size int) {
	for _, l := range lines {
		f.write(append(strconv.AppendInt([]byte(`{"n":`), l.n, 10), l.rest...))
		size += len(l.rest)
	}
	return size
}

// write appends one line. After an error of writing nothing more is written, so
// that the file ends where it went wrong and has no gap.
func (f *truthFile) write(line []byte) {
	if f.file != nil && f.MaxSize > 0 && f.size > 0 && f.size+int64(len(line)) > f.MaxSize {
		f.rotate()
	}
	if f.file == nil {
		return
	}
	f.size += int64(len(line))
	if _, err := f.out.Write(line); err != nil {
		f.end(err)
	}
}

// rotate makes FILE the newest of the older ones and begins a new one.
func (f *truthFile) rotate() {
	if f.end(nil); f.err != nil {
		return
	}
	if err := f.shift(); err != nil {
		f.fail(err)
		f.MaxSize = 0 // the file grows on: too large is better than lost
	}
	f.open()
}

// shift renames from the oldest on; each takes the place of the one that goes.
func (f *truthFile) shift() error {
	for i := f.Keep; i > 0; i-- {
		from := f.File
		if i > 1 {
			from = fmt.Sprintf("%s.%d", f.File, i-1)
		}
		err := os.Rename(from, fmt.Sprintf("%s.%d", f.File, i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *truthFile) flush() {
	if f.file != nil {
		if err := f.out.Flush(); err != nil {
			f.end(err)
		}
	}
}

// end closes the file, for good when it is not opened again. After an error it
// flushes nothing.
func (f *truthFile) end(err error) {
	if f.file == nil {
		return
	}
	if err == nil {
		err = f.out.Flush()
	}
	f.fail(errors.Join(err, f.file.Close()))
	f.file = nil
}

func (f *truthFile) fail(err error) {
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("mockserver: truth ledger: %w", err)
	}
}
