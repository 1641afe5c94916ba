package mockserver

import (
	"net/http"
	"strconv"
	"time"
)

// struck says whether the fault is to act before anything else is written.
func (st *stream) struck() bool {
	return st.strike != nil && st.strike.Do != doNoDone &&
		(st.shown >= st.strike.AtToken || st.sent == st.planned)
}

// act does what the fault says, in place of the token that was due. It is over
// when the answer ends here.
func (st *stream) act(due time.Duration) (over bool, err error) {
	then := st.strike.Do
	if then == doErrorEvent {
		st.buf = append(append(append(st.buf, "data: "...), inStreamError().in(st.dialect)...), "\n\n"...)
	}
	if err := st.write(); err != nil { // at least the headers
		return false, err
	}
	if then == doStall {
		if st.sent == st.planned {
			due = st.s.clock.now()
		}
		if err := st.waitOut(due + st.strike.For); err != nil {
			return false, err
		}
		then = st.strike.then()
	}
	switch then {
	case doContinue:
		st.strike = nil
		return false, nil
	case doReset:
		st.cut = (*exchange).reset
	}
	return true, nil
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
		body = statusError(a.Status).in(x.cfg.Dialect)
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
