package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors without details of their own; they come wrapped, for errors.Is.
var (
	// ErrClosed: the client was closed before or during the call.
	ErrClosed = errors.New("client is closed")
	// ErrTruncated: the answer stopped short: a stream without its end marker, a
	// choice without its finish_reason, a body shorter than announced.
	ErrTruncated = errors.New("answer ends too early")
	// ErrMalformed: the answer is not what the API describes.
	ErrMalformed = errors.New("answer is malformed")
	// ErrContentType: the answer is of another kind, such as a web page.
	ErrContentType = errors.New("answer has the wrong content type")
	// ErrTooLarge: the answer is over 64 MiB, or one of its events over 16 MiB.
	ErrTooLarge = errors.New("answer is too large")
)

// Values of TimeoutError.Phase.
const (
	phaseQueue      = "queue"
	phaseConnect    = "connect"
	phaseFirstToken = "first_token"
	phaseIdle       = "idle"
	phaseTotal      = "total"
)

// Values of ConnectionError.Kind.
const (
	kindRefused = "refused"
	kindReset   = "reset"
	kindTLS     = "tls"
	kindDNS     = "dns"
	kindOther   = "other"
)

// APIError is an answer whose status is not 2xx.
type APIError struct {
	Status     int
	Type       string
	Code       string // numbers are written out
	Message    string // the server's, or the beginning of a body that has no such field
	RequestID  string
	RetryAfter time.Duration // what the server asked for, 0 if nothing
	Body       []byte        // its first 64 KiB
	Endpoint   string        // without query and credentials
	Attempts   int
}

// Error names the endpoint, the status and what the server said.
func (e *APIError) Error() string {
	return fmt.Sprintf("%s: status %d%s", e.Endpoint, e.Status, said(e.Type, e.Code, e.Message)) + tail(e.RequestID, e.Attempts)
}

// StreamError is an error that the server reported inside a 200 answer.
type StreamError struct {
	Type, Code, Message string
	RequestID           string
	Endpoint            string
	Attempts            int
}

// Error names the endpoint and what the server said.
func (e *StreamError) Error() string {
	return e.Endpoint + ": error inside a 200" + said(e.Type, e.Code, e.Message) + tail(e.RequestID, e.Attempts)
}

// TimeoutError is a wait that took too long.
type TimeoutError struct {
	Phase    string        // what was waited for: queue, connect, first_token, idle or total
	Limit    time.Duration // the limit of Config that was hit; 0 where the context's deadline was
	Endpoint string
	// RequestID is the server's, once its headers came; else Request.ID.
	RequestID string
	Attempts  int
	Err       error // context.DeadlineExceeded where the caller's deadline was hit
}

// Error names the endpoint, the phase and the limit.
func (e *TimeoutError) Error() string {
	limit := "the caller's deadline"
	if e.Limit > 0 {
		limit = e.Limit.String()
	} else if e.Err != nil && !errors.Is(e.Err, context.DeadlineExceeded) {
		limit = e.Err.Error()
	}
	return fmt.Sprintf("%s: timed out in phase %s (%s)", e.Endpoint, e.Phase, limit) + tail(e.RequestID, e.Attempts)
}

// Unwrap returns the cause, so that a caller's own deadline is recognised.
func (e *TimeoutError) Unwrap() error { return e.Err }

// Timeout is true; with it, the error is told as a time-out by code that knows net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// ConnectionError is a connection that could not be made or broke.
type ConnectionError struct {
	Kind      string // refused, reset, tls, dns or other
	Endpoint  string
	RequestID string // as in TimeoutError
	Attempts  int
	Err       error
}

// Error names the endpoint, the kind and the cause.
func (e *ConnectionError) Error() string {
	return fmt.Sprintf("%s: connection %s: %v", e.Endpoint, e.Kind, e.Err) + tail(e.RequestID, e.Attempts)
}

// Unwrap returns the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// where is the place that an error names.
type where struct {
	endpoint, requestID string
	attempts            int
}

// at is the place of a call that made so many attempts.
func (cl *call) at(attempts int) where { return where{cl.label, cl.id, attempts} }

func (w where) say(text string) string {
	return w.endpoint + ": " + text + tail(w.requestID, w.attempts)
}

// answerError gives one of the sentinels its place. It has no exported name:
// callers tell it by errors.Is. It does not unwrap, because its cause may quote
// what a server echoed.
type answerError struct {
	where
	text  string // without secrets
	cause error
}

func (e *answerError) Error() string { return e.say(e.text) }

func (e *answerError) Is(target error) bool { return errors.Is(e.cause, target) }

// stopError is a call that its caller or Close ended. Its cause is theirs.
type stopError struct {
	where
	cause error
}

func (e *stopError) Error() string { return e.say(e.cause.Error()) }

func (e *stopError) Unwrap() error { return e.cause }

func said(typ, code, message string) string {
	var b strings.Builder
	for _, s := range []string{typ, code} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if message != "" {
		b.WriteString(": " + message)
	}
	return b.String()
}

func tail(requestID string, attempts int) string {
	var parts []string
	if requestID != "" {
		parts = append(parts, "request id "+requestID)
	}
	if attempts > 1 {
		parts = append(parts, fmt.Sprintf("%d attempts", attempts))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
