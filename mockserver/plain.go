package mockserver

import (
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// plain answers in one piece, at the time of the last token.
func (x *exchange) plain() Outcome {
	due, err := x.plainDue()
	if err == nil {
		err = x.waitOut(due)
	}
	if err != nil {
		return x.lost()
	}
	end := doContinue
	if x.strike != nil {
		end = cmp.Or(map[string]string{doStall: x.strike.then(), doNoDone: doContinue}[x.strike.Do], x.strike.Do)
	}
	body := x.body(x.api, x.id, x.created)
	switch end {
	case doReset:
		x.cut = (*exchange).reset
		return Faulted
	case doCleanEOF:
		// net/http closes a connection whose answer stayed short of its length.
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	case doErrorEvent:
		body = inStreamError().json()
	}
	x.header(http.StatusOK, "application/json")
	x.rec.PlannedNS = []int64{x.s.clock.mono(due)}
	x.rec.WrittenNS = []int64{x.s.clock.mono(x.s.clock.now())}
	if _, err := x.w.Write(body); err != nil && x.ctx.Err() != nil {
		return x.lost()
	}
	if end != doContinue {
		return Faulted
	}
	return Done
}

// plainDue is when a plain answer is to be sent, or its fault acts: with the
// last token of all prompts, later by a stall, or at the fault's token.
func (x *exchange) plainDue() (due time.Duration, err error) {
	for _, c := range x.choices {
		at, err := x.dueOf(c, c.seq.Out-1)
		if err != nil {
			return 0, err
		}
		due = max(due, at)
	}
	if x.strike == nil {
		return due, nil
	}
	switch x.strike.Do {
	case doStall:
		return due + x.strike.For, nil
	case doReset, doErrorEvent:
		first := x.choices[0]
		return x.dueOf(first, min(x.strike.AtToken, first.seq.Out-1))
	}
	return due, nil
}

const htmlPage = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>" +
	"<body><h1>Please sign in</h1><p>This page is not an answer.</p></body></html>\n"

// answerInstead sends what a gateway in front of the server would: a status of
// its own, or a page of HTML. The engine sees nothing of the request.
func (x *exchange) answerInstead() Outcome {
	a := x.strike.Action
	switch {
	case a.Do == doHTMLError:
		x.header(http.StatusOK, "text/html; charset=utf-8")
		_, _ = x.w.Write([]byte(htmlPage)) // a client that is gone misses nothing
		return Faulted
	case a.RetryAfter > 0:
		ms := (a.RetryAfter + time.Millisecond - 1) / time.Millisecond
		x.w.Header().Set("Retry-After", strconv.FormatInt(int64((ms+999)/1000), 10))
		x.w.Header().Set("Retry-After-Ms", strconv.FormatInt(int64(ms), 10))
	}
	x.header(a.Status, "application/json")
	body := []byte(a.Body)
	if len(body) == 0 {
		body = statusError(a.Status).json()
	}
	_, _ = x.w.Write(body)
	return Faulted
}

// statusError is the error object that goes with an injected status.
func statusError(status int) apiError {
	switch {
	case status == http.StatusTooManyRequests:
		return apiError{status, "Rate limit reached (injected)", "requests", "", "rate_limit_exceeded"}
	case status >= 500:
		return apiError{status, "The server had an error while processing your request (injected)", "server_error", "", ""}
	}
	return apiError{status, http.StatusText(status) + " (injected)", "invalid_request_error", "", ""}
}

func inStreamError() apiError {
	return apiError{0, "The engine died while it generated (injected)", "server_error", "", "internal_error"}
}
