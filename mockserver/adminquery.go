package mockserver

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A query reads the parameters of an admin request and keeps every mistake.
type query struct {
	values url.Values
	param  string // the first that is wrong
	wrong  []string
}

func readQuery(r *http.Request) *query { return &query{values: r.URL.Query()} }

func (q *query) fail(name, want string) {
	if q.param == "" {
		q.param = name
	}
	q.wrong = append(q.wrong, fmt.Sprintf("%s=%s: %s", name, q.values.Get(name), want))
}

// refuse answers 400 where something was wrong.
func (q *query) refuse(w http.ResponseWriter) bool {
	if len(q.wrong) == 0 {
		return false
	}
	writeError(w, *invalid(q.param, "%s", strings.Join(q.wrong, "\n")))
	return true
}

// number reads a whole number from least to most.
func (q *query) number(name string, missing, least, most int64) int64 {
	if !q.values.Has(name) {
		return missing
	}
	n, err := strconv.ParseInt(q.values.Get(name), 10, 64)
	switch {
	case err == nil && n >= least && n <= most:
	case most == math.MaxInt64:
		q.fail(name, fmt.Sprintf("want a whole number, at least %d", least))
	default:
		q.fail(name, fmt.Sprintf("want a whole number, %d to %d", least, most))
	}
	return n
}

func (q *query) flag(name string) bool {
	switch q.values.Get(name) {
	case "1", "true":
		return true
	case "", "0", "false":
	default:
		q.fail(name, "want 1 or 0")
	}
	return false
}

func (q *query) duration(name string) time.Duration {
	if !q.values.Has(name) {
		return 0
	}
	d, err := time.ParseDuration(q.values.Get(name))
	if err != nil || d <= 0 {
		q.fail(name, "want a duration above 0 with its unit, for example 30s")
	}
	return d
}
