package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/llmload/llmload/results"
)

// decodeRecord reads a line as encoding/json does. The lists of a stream's arrivals, most of its line, are taken out and
// read here: reflection on each of their numbers would cost three times as much as all else that is done with a record. A
// line in which they are not as AppendJSON writes them is left to encoding/json as a whole, and so is every error.
func decodeRecord(text []byte) (*results.Record, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("the line is empty")
	}
	r := new(results.Record)
	if rest, lists := takeLists(text); len(lists) > 0 && json.Unmarshal(rest, r) == nil && putLists(r, lists) {
		return r, nil
	}
	r = new(results.Record)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, err
	}
	return r, nil
}

// listNames are the keys of the lists, but for their last quote.
var listNames = [...]string{`"dt_ns`, `"k`, `"events`, `"kernel_lag_ns`}

// mark is what stands in a list that was taken out, plus which one it is. A line in which the like occurs is left as it is.
const (
	mark     = -9_000_000_000_000_000_000
	markHead = "-90000000000"
)

// takeLists returns a line with marks in its lists, and what was in them; none where marks would not be told from numbers.
func takeLists(text []byte) (rest []byte, lists [][]byte) {
	if bytes.Contains(text, []byte(markHead)) {
		return nil, nil
	}
	for {
		at := bytes.Index(text, []byte(`":[`))
		if at < 0 {
			return append(rest, text...), lists
		}
		begin := at + len(`":[`)
		rest = append(rest, text[:begin]...)
		known := slices.ContainsFunc(listNames[:], func(name string) bool { return bytes.HasSuffix(text[:at], []byte(name)) })
		text = text[begin:]
		if end := bytes.IndexByte(text, ']'); known && end >= 0 {
			rest = strconv.AppendInt(rest, mark+int64(len(lists)), 10)
			lists, text = append(lists, text[:end]), text[end:]
		}
	}
}

// putLists puts the lists in the place of their marks. It reports false where one has no such place, or holds anything but
// whole numbers.
func putLists(r *results.Record, lists [][]byte) bool {
	put := 0
	for i := range r.Attempts {
		a := &r.Attempts[i]
		put += fill(&a.Arrivals.DtNS, lists) + fill(&a.Arrivals.K, lists) + fill(&a.Arrivals.Events, lists) + fill(&a.KernelLagNS, lists)
	}
	return put == len(lists)
}

// fill reads the list that a mark stands for, and returns how many it has read: 1, or 0.
func fill[T int | int64](to *[]T, lists [][]byte) int {
	if len(*to) != 1 {
		return 0
	}
	which := int64((*to)[0]) - mark
	if which < 0 || which >= int64(len(lists)) {
		return 0
	}
	text := lists[which]
	*to = make([]T, 0, bytes.Count(text, []byte(","))+1)
	for more := true; more; {
		var number []byte
		number, text, more = bytes.Cut(text, []byte(","))
		v, ok := whole(number)
		if !ok || int64(T(v)) != v {
			return 0
		}
		*to = append(*to, T(v))
	}
	return 1
}

// whole reads a whole number as JSON writes it. Of more than 18 digits some would not fit.
func whole(text []byte) (v int64, ok bool) {
	digits := bytes.TrimPrefix(text, []byte("-"))
	if len(digits) == 0 || len(digits) > 18 || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int64(c-'0')
	}
	if len(digits) < len(text) {
		v = -v
	}
	return v, true
}
