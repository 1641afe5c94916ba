package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Error is one mistake and its place.
type Error struct {
	// File is the name that Parse was given.
	File string
	// Line and Col count from 1, Col in runes. Line 0 means that the place is not known.
	Line, Col int
	// Source is the text of the line, as written in the file.
	Source string
	// Msg says what is wrong and what to do.
	Msg string
}

// Error gives "file:line:col: msg", the line's text, and a caret under the column.
func (e *Error) Error() string {
	if e.Line == 0 {
		return strings.TrimPrefix(e.File+": "+e.Msg, ": ")
	}
	text, caret := excerpt(e.Source, e.Col)
	return fmt.Sprintf("%s:%d:%d: %s\n\t%s\n\t%s", e.File, e.Line, e.Col, e.Msg, text, caret)
}

// excerptWidth bounds, in runes, what is shown of a long line, so that a file written in one line stays readable.
const excerptWidth = 160

// excerpt cuts a window around the column out of a long line and draws the caret. Tabs are kept in the caret's line, so
// that both lines expand alike; control characters are not passed on to the terminal.
func excerpt(source string, col int) (text, caret string) {
	runes := []rune(source)
	at := min(max(col-1, 0), len(runes))
	from := 0
	if len(runes) > excerptWidth {
		from = min(max(at-excerptWidth/2, 0), len(runes)-excerptWidth)
		runes = runes[from : from+excerptWidth]
	}
	pad := make([]rune, 0, excerptWidth)
	for i, r := range runes {
		if r != '\t' && !unicode.IsPrint(r) {
			runes[i] = unicode.ReplacementChar
		}
		if i < at-from {
			pad = append(pad, blank(r))
		}
	}
	return string(runes), string(pad) + "^"
}

func blank(r rune) rune {
	if r == '\t' {
		return '\t'
	}
	return ' '
}

// Errors is every mistake found, sorted by place.
type Errors []*Error

// mostShown is how many mistakes are written out; nobody reads more.
const mostShown = 100

// Error joins the messages, one below the other. Of more than a hundred the rest is counted.
func (e Errors) Error() string {
	lines := make([]string, 0, mostShown+1)
	for _, one := range e[:min(len(e), mostShown)] {
		lines = append(lines, one.Error())
	}
	if more := len(e) - mostShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more mistakes", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As see each mistake.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

// Join makes one Errors of all mistakes in errs, sorted by place, each once. Lists are flattened, wrapped or joined
// ones too; an error without a place keeps its text and sorts first. Join of nothing but nil is nil.
func Join(errs ...error) error {
	var all Errors
	for _, err := range errs {
		all = appendError(all, err)
	}
	return all.orNil()
}

// orNil sorts, drops duplicates, and turns an empty list into the nil error.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, compare)
	return slices.CompactFunc(e, func(a, b *Error) bool { return compare(a, b) == 0 })
}

func compare(a, b *Error) int {
	return cmp.Or(
		strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), strings.Compare(a.Msg, b.Msg))
}

func appendError(all Errors, err error) Errors {
	switch e := err.(type) {
	case nil:
		return all
	case *Error:
		return append(all, e)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = appendError(all, one)
		}
		return all
	}
	if list, ok := errors.AsType[Errors](err); ok {
		return append(all, list...)
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return append(all, one)
	}
	return append(all, &Error{Msg: err.Error()})
}
