package mockserver

import (
	"bytes"
	"net/http"
	"strconv"
	"time"
)

// What a gateway in front of the server would send. The engine sees nothing of
// the request. A client that is gone misses nothing, so errors of writing are
// passed over.

const htmlPage = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head>" +
	"<body><h1>Please sign in</h1><p>This page is not an answer.</p></body></html>\n"

func sendPage(x *exchange) {
	x.header(http.StatusOK, "text/html; charset=utf-8")
	_, _ = x.w.Write([]byte(htmlPage))
}

func sendObject(x *exchange) {
	x.header(http.StatusOK, "application/json")
	_, _ = x.w.Write(inStreamError().in(x.cfg.Dialect))
}

func sendStatus(x *exchange) {
	a := x.strike.Action
	if a.RetryAfter > 0 {
		retryAfter(x.w.Header(), a.RetryAfter)
	}
	x.header(a.Status, "application/json")
	body := []byte(a.Body)
	if len(body) == 0 {
		body = statusError(a.Status).in(x.cfg.Dialect)
	}
	_, err := x.w.Write(body)
	blanks := bytes.Repeat([]byte(" "), 64<<10)
	for left := a.Size - len(body); left > 0 && err == nil; left -= len(blanks) {
		_, err = x.w.Write(blanks[:min(left, len(blanks))])
	}
}

// retryAfter says when to come again: in whole seconds, and exactly.
func retryAfter(h http.Header, after time.Duration) {
	ms := (after + time.Millisecond - 1) / time.Millisecond
	h.Set("Retry-After", strconv.FormatInt(int64((ms+999)/1000), 10))
	h.Set("Retry-After-Ms", strconv.FormatInt(int64(ms), 10))
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
