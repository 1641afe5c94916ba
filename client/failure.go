package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// wireFailure is what servers are known to put in the place of an answer:
// OpenAI {"error":{...}}, Ollama {"error":"..."}, old vLLM
// {"object":"error","message":...}, FastAPI {"detail":...}.
type wireFailure struct {
	Error   any `json:"error"`
	Message any `json:"message"`
	Detail  any `json:"detail"`
	Type    any `json:"type"`
	Code    any `json:"code"`
}

// failureIn reads an error's fields out of a body; ok is false if there are none.
func failureIn(body []byte) (typ, code, message string, ok bool) {
	var w wireFailure
	if json.Unmarshal(body, &w) != nil {
		return "", "", "", false
	}
	if e, nested := w.Error.(map[string]any); nested && len(e) > 0 {
		return words(e["type"]), words(e["code"]), words(e["message"]), true
	}
	message = words(w.Error) + words(w.Message)
	if message == "" {
		message = words(w.Detail)
	}
	return words(w.Type), words(w.Code), message, message != ""
}

// words writes a JSON value as a person would: strings bare, null as nothing.
func words(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// excerpt is the beginning of a body, fit for one line.
func excerpt(body []byte) string {
	const most = 200
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body[:min(len(body), 4*most)]), "?")), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

func streamError(data []byte) *StreamError {
	e := &StreamError{}
	var ok bool
	if e.Type, e.Code, e.Message, ok = failureIn(data); !ok {
		e.Message = excerpt(data)
	}
	return e
}

// isFailure reports that a whole body is an error object.
func isFailure(body []byte) bool {
	var w wireAnswer
	return json.Unmarshal(body, &w) == nil && w.failed()
}

// judge turns an answer that its headers show to be no success into an error.
func (f *flight) judge(ctx context.Context) {
	switch {
	case f.body == nil, f.a.Err != nil && ctx.Err() != nil: // the caller gave up
	case f.a.Status/100 != 2:
		f.a.Err = f.apiError()
	case f.wrongType && f.a.Err == nil:
		f.a.Err = f.wrongTypeError()
	}
}

// apiError reads the body of an error. Its fields are read first: without what
// a server echoed, it may be JSON no more.
func (f *flight) apiError() error {
	hide, body := f.call.secrets.hide, f.capture.buf
	e := &APIError{
		Status: f.a.Status, RequestID: f.a.RequestID, RetryAfter: f.a.RetryAfter,
		Body: []byte(hide(string(body))), Endpoint: f.call.label, Attempts: f.number,
	}
	e.Body = e.Body[:min(len(e.Body), maxErrorBody)]
	var ok bool
	if e.Type, e.Code, e.Message, ok = failureIn(body); !ok {
		e.Message = excerpt(body)
	}
	if to := f.a.Header.Get("Location"); f.a.Status/100 == 3 && to != "" {
		e.Message = strings.TrimSpace("redirected to " + harmless(to) + " " + e.Message)
	}
	f.call.secrets.hideIn(&e.Type, &e.Code, &e.Message)
	return e
}

// wrongTypeError tells an error object in a 200 from something altogether different.
func (f *flight) wrongTypeError() error {
	body := f.capture.buf
	if isFailure(body) {
		return f.located(streamError(body))
	}
	return f.located(fmt.Errorf("%w: %q where %s was asked for: %s",
		ErrContentType, f.a.Header.Get("Content-Type"), f.call.accepts(), excerpt(body)))
}

// located completes an error that decoding found with where it happened.
func (f *flight) located(err error) error { return locate(err, f.call, &f.a, f.number) }

func (f *flight) at() where { return where{f.call.label, f.a.RequestID, f.number} }

// locate is flight.located of an attempt that is over.
func locate(err error, cl *call, a *Attempt, attempts int) error {
	var failure *StreamError
	if errors.As(err, &failure) {
		failure.Endpoint, failure.RequestID, failure.Attempts = cl.label, a.RequestID, attempts
		cl.secrets.hideIn(&failure.Type, &failure.Code, &failure.Message)
		return failure
	}
	return &answerError{where{cl.label, a.RequestID, attempts}, cl.secrets.hide(err.Error()), err}
}
