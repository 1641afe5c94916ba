package interop

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/llmload/llmload/results"
)

// failure names how a request ended by what another tool wrote of it: a status, or words such as a Python exception's.
func failure(status int, words string) (results.Outcome, int) {
	if status == 0 {
		status = statusOf(words)
	}
	if status >= 300 && status < 600 && status != 499 {
		return results.StatusOutcome(status), status
	}
	low := strings.ToLower(words)
	for _, known := range []struct {
		words   string
		outcome results.Outcome
	}{
		// The tool's own exceptions alone: a server that says "cancelled" has failed, and a failure ranks.
		{"cancellederror", results.Cancelled},
		{"requestcancellationerror", results.Cancelled},
		{"timeout", results.TimeoutTotal},
		{"timed out", results.TimeoutTotal},
		{"name or service not known", results.DNS},
		{"name resolution", results.DNS},
		{"ssl", results.TLS},
		{"certificate", results.TLS},
		{"refused", results.Refused},
		{"cannot connect", results.Refused},
		{"disconnected", results.Reset},
		{"reset by peer", results.Reset},
		{"incomplete chunked read", results.Truncated},
		{"payload is not completed", results.Truncated},
		{"jsondecodeerror", results.Malformed},
	} {
		if strings.Contains(low, known.words) {
			return known.outcome, 0
		}
	}
	return results.Unknown, 0
}

// statusOf finds the status whose words a tool wrote alone, such as "Internal Server Error".
func statusOf(words string) int {
	for status := 300; status < 600; status++ {
		if text := http.StatusText(status); text != "" && text == strings.TrimSpace(words) {
			return status
		}
	}
	return 0
}

// statusIn finds a status in words such as "Server error '500 Internal Server Error' for url".
func statusIn(words string) int {
	m := statusWords.FindStringSubmatch(words)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // three digits
	return n
}

var (
	statusWords = regexp.MustCompile(`(?i)(?:error|response) '?([345]\d\d)\b`)
	// private is what an address in another tool's words may hold: who logs in, and the query.
	private = regexp.MustCompile(`[^\s'"/]*@|\?[^\s'"]+`)
)

// quoted is what another tool wrote of a failure, without the parts of addresses that may be secret.
func quoted(words string) string {
	return private.ReplaceAllString(strings.TrimSpace(words), "[redacted]")
}

// lastLine is what a Python traceback says in the end.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
