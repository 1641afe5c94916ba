package ci

import (
	"encoding/xml"
	"io"

	"github.com/llmload/llmload/results"
)

// The elements that every reader of JUnit XML knows (https://github.com/testmoapp/junitxml).
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string       `xml:"name,attr"`
		ClassName string       `xml:"classname,attr"`
		Failure   *junitResult `xml:"failure"`
		Error     *junitResult `xml:"error"`
		Output    string       `xml:"system-out,omitempty"`
	}
	junitResult struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
	}
)

// WriteJUnit writes a test case a threshold or gate. One that failed is a failure, one that is undecided an error: neither
// may look green.
func WriteJUnit(w io.Writer, cases []Case) error {
	var all junitSuites
	for _, c := range cases {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != flat(c.Suite) {
			all.Suites = append(all.Suites, junitSuite{Name: flat(c.Suite)})
		}
		suite := &all.Suites[len(all.Suites)-1]
		one := junitCase{Name: flat(c.title()), ClassName: flat(c.Suite)}
		switch c.Verdict {
		case results.Pass:
			one.Output = flat(c.Text)
		case results.Fail:
			one.Failure = &junitResult{flat(c.Text), "failed"}
			suite.Failures++
			all.Failures++
		default:
			one.Error = &junitResult{flat(c.Text), "undecided"}
			suite.Errors++
			all.Errors++
		}
		suite.Tests++
		all.Tests++
		suite.Cases = append(suite.Cases, one)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+string(text)+"\n")
	return err
}
