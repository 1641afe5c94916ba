package strictyaml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/strictyaml"
)

func TestParseSaysWhereTheSyntaxBreaks(t *testing.T) {
	tests := map[string]mistake{
		"a list that is not closed": {"a: [1\nb: 2\n", `
s.yaml:2:2: YAML syntax: did not find expected ',' or ']' while parsing a flow sequence that starts in line 1
	b: 2
	 ^`},
		"a mapping inside a value": {"a: b: c", `
s.yaml:1:5: YAML syntax: mapping values are not allowed in this context
	a: b: c
	    ^`},
		"a tab as indentation": {"a:\n\tb: 1\n", `
s.yaml:2:1: YAML syntax: found character that cannot start any token while scanning for the next token
		b: 1
	^`},
		"an error behind the last line": {"a: \"b\n\n", `
s.yaml:2:1: YAML syntax: found unexpected end of stream while scanning a quoted scalar that starts in line 1
	
	^`},
		"an unknown anchor": {"a: 1\nb: *c", `
s.yaml:2:4: YAML syntax: unknown anchor 'c' referenced
	b: *c
	   ^`},
		"a second document": {"a: 1\n---\nb: 2\n", `
s.yaml:2:1: a second document starts here: one file holds one document, remove the ---
	---
	^`},
		"a broken second document": {"a: 1\n---\nb: [\n", `
s.yaml:3:5: YAML syntax: did not find expected node content while parsing a flow node
	b: [
	    ^`},
		"an anchor inside itself": {"a: &x [1, *x]", `
s.yaml:1:4: anchor &x contains itself
	a: &x [1, *x]
	   ^`},
		"a control character, which is not passed on": {"a: 1\nb: é\x1b[31m", `
s.yaml:2:5: control character U+001B: the file must be plain UTF-8 text
	b: é�[31m
	    ^`},
		"a file that is not UTF-8": {"a: 1\nb: x\xff", `
s.yaml:2:5: not valid UTF-8 text: save the file as UTF-8
	b: x�
	    ^`},
		"a file that is too large": {strings.Repeat("#", 1<<20+1), `
s.yaml: the file is over 1048576 bytes: split it`},
		"aliases that multiply": {bomb(), `
s.yaml:5:4: more than 100000 values when aliases are followed
	e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]
	   ^`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := strictyaml.Parse("s.yaml", []byte(test.src), nil)
			if got := fmt.Sprint(err); got != strings.Trim(test.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", got, strings.Trim(test.want, "\n"))
			}
		})
	}
}

// bomb is ten times ten times ten ... values in a few lines.
func bomb() string {
	var b strings.Builder
	b.WriteString("a: &a [1,1,1,1,1,1,1,1,1,1]\n")
	for c := 'b'; c <= 'i'; c++ {
		items := strings.Repeat(fmt.Sprintf(",*%c", c-1), 10)
		fmt.Fprintf(&b, "%c: &%c [%s]\n", c, c, items[1:])
	}
	return b.String()
}

func TestErrorsAreSortedAndOnce(t *testing.T) {
	node, err := strictyaml.Parse("s.yaml", []byte("a: 1\nb: 2\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, b := node.Errorf("a", "first"), node.Errorf("b", "second")
	tests := map[string]struct {
		errs []error
		want string
	}{
		"nothing is nil":                 {[]error{nil, nil}, "<nil>"},
		"out of order":                   {[]error{b, a}, a.Error() + "\n" + b.Error()},
		"twice the same":                 {[]error{a, strictyaml.Errors{a, b}}, a.Error() + "\n" + b.Error()},
		"wrapped":                        {[]error{fmt.Errorf("load: %w", strictyaml.Errors{b})}, b.Error()},
		"wrapped alone":                  {[]error{fmt.Errorf("load: %w", b)}, b.Error()},
		"several wrapped in one":         {[]error{fmt.Errorf("%w, %w", strictyaml.Errors{b}, a)}, a.Error() + "\n" + b.Error()},
		"one without a place goes first": {[]error{a, fmt.Errorf("no place")}, "no place\n" + a.Error()},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := fmt.Sprint(strictyaml.Join(test.errs...)); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
}
