package store

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/llmload/llmload/results"
)

// sortMemory is about how many bytes of records are sorted at once. Records stand in a file in the order in which they ended,
// and one that took long may end behind any number of others: what does not fit is sorted in pieces, on the disk.
const sortMemory = 64 << 20

// sorter puts records in the order of their intended times, in memory that does not grow with their number.
type sorter struct {
	dir    string // for pieces
	memory int

	held   []*results.Record
	size   int
	pieces []string // names of files
}

func byIntended(a, b *results.Record) int {
	return cmp.Or(cmp.Compare(a.IntendedNS, b.IntendedNS), cmp.Compare(a.ID, b.ID))
}

func (s *sorter) add(r *results.Record) error {
	s.held, s.size = append(s.held, r), s.size+footprint(r)
	if s.size < s.memory {
		return nil
	}
	return s.spill()
}

// footprint is about how much memory a record takes.
func footprint(r *results.Record) int {
	n := 1024
	for i := range r.Attempts {
		a := &r.Attempts[i]
		n += 256 + 8*(len(a.Arrivals.DtNS)+len(a.Arrivals.K)+len(a.Arrivals.Events)+len(a.KernelLagNS))
	}
	return n
}

// spill sorts what is held and writes it as a piece.
func (s *sorter) spill() error {
	slices.SortFunc(s.held, byIntended)
	f, err := os.CreateTemp(s.dir, "piece-*")
	if err != nil {
		return remedy("sort records on the disk", err)
	}
	s.pieces = append(s.pieces, f.Name())
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return errors.Join(err, f.Close())
	}
	out := bufio.NewWriter(z)
	var line []byte
	for _, r := range s.held {
		line = append(r.AppendJSON(line[:0]), '\n')
		if _, err = out.Write(line); err != nil {
			break
		}
	}
	clear(s.held)
	s.held, s.size = s.held[:0], 0
	if err = cmp.Or(err, out.Flush(), z.Close(), f.Close()); err != nil { // one full disk is one error
		return remedy("sort records on the disk", err)
	}
	return nil
}

// sorted hands out all records in order: a merge of the pieces and of what is held.
func (s *sorter) sorted(each func(*results.Record) error) error {
	slices.SortFunc(s.held, byIntended)
	sources := []iter.Seq2[*results.Record, error]{func(yield func(*results.Record, error) bool) {
		for _, r := range s.held {
			if !yield(r, nil) {
				return
			}
		}
	}}
	for _, name := range s.pieces {
		sources = append(sources, piece(name))
	}
	return mergeSorted(sources, each)
}

// piece reads a file that spill wrote.
func piece(name string) iter.Seq2[*results.Record, error] {
	return func(yield func(*results.Record, error) bool) {
		f, err := os.Open(name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		cut, err := readRecords(f, func(_ int, text []byte) bool { return yield(decodeRecord(text)) })
		if cut {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// mergeSorted is a k-way merge: of the next record of each source the least goes out.
func mergeSorted(sources []iter.Seq2[*results.Record, error], each func(*results.Record) error) error {
	type head struct {
		record *results.Record
		next   func() (*results.Record, error, bool)
	}
	var heads []head
	for _, source := range sources {
		next, stop := iter.Pull2(source)
		defer stop()
		r, err, ok := next()
		if err != nil {
			return err
		}
		if ok {
			heads = append(heads, head{r, next})
		}
	}
	for len(heads) > 0 {
		least := 0
		for i := range heads {
			if byIntended(heads[i].record, heads[least].record) < 0 {
				least = i
			}
		}
		if err := each(heads[least].record); err != nil {
			return err
		}
		r, err, ok := heads[least].next()
		switch {
		case err != nil:
			return err
		case ok:
			heads[least].record = r
		default:
			heads = slices.Delete(heads, least, least+1)
		}
	}
	return nil
}
