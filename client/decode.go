package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Decode reads the last answer and completes its Attempt. The error is that of
// the last attempt, or why no attempt was made; with it, the Response holds what
// came before, and is never nil. Decode may be called again and then returns
// the same.
func (x *Exchange) Decode() (*Response, error) {
	x.once.Do(func() {
		x.resp, x.outcome = x.decode()
		x.release()
		x.account()
	})
	return x.resp, x.outcome
}

func (x *Exchange) decode() (*Response, error) {
	if len(x.Attempts) == 0 {
		return &Response{}, x.err
	}
	a := &x.Attempts[len(x.Attempts)-1]
	resp, err := &Response{}, error(nil)
	switch {
	case x.stream:
		resp, err = x.streamDecoder(a.Started).finish(x.capture, a)
	case a.Err == nil && x.call.api == Embeddings:
		resp, err = decodeEmbeddings(x.capture.buf, x.call.vectors)
	case a.Err == nil:
		resp, err = decodeWhole(x.capture.buf, x.call.prompts)
	}
	if err = prefer(err, a.Err); err != nil && err != a.Err {
		err = locate(err, x.call, a, len(x.Attempts))
	}
	a.Err = err
	if x.err != nil {
		return resp, x.err
	}
	return resp, err
}

// prefer picks the error that says more: a broken connection explains an answer
// that stops short, but not what was wrong with it before.
func prefer(decoding, reading error) error {
	if reading != nil && (decoding == nil || errors.Is(decoding, ErrTruncated)) {
		return reading
	}
	return decoding
}

// cutShort: an event that the end of the input cut is no malformed one.
func cutShort(err error, cut bool) error {
	if cut && errors.Is(err, ErrMalformed) {
		return fmt.Errorf("%w: in the middle of an event", ErrTruncated)
	}
	return err
}

// decodeWhole reads a plain answer of chat or completions, to so many prompts.
func decodeWhole(body []byte, prompts int) (*Response, error) {
	b := builder{resp: &Response{}}
	var w wireAnswer
	if err := unmarshal(body, &w); err != nil {
		return b.resp, err
	}
	if len(w.Choices) == 0 && !w.failed() {
		return b.resp, fmt.Errorf("%w: no choices: %s", ErrMalformed, excerpt(body))
	}
	p, err := w.piece(body)
	if err != nil {
		return b.resp, err
	}
	b.add(p)
	resp := b.finish(nil)
	return resp, lacking(resp, prompts)
}

// lacking returns what a whole answer lacks: the one choice that was asked for,
// or the end of a choice. Of several prompts some may be left out.
func lacking(r *Response, prompts int) error {
	if prompts <= 1 && r.Choices[0].absent() {
		return fmt.Errorf("%w: the first choice is missing", ErrMalformed)
	}
	for i := range r.Choices {
		if c := &r.Choices[i]; c.FinishReason == "" && !c.absent() {
			return fmt.Errorf("%w: choice %d has no finish_reason, the server gave it up", ErrTruncated, i)
		}
	}
	return nil
}

func parseModels(body []byte) ([]Model, error) {
	var w struct {
		Data []struct {
			ID      string `json:"id"`
			OwnedBy string `json:"owned_by"`
			Max     int    `json:"max_model_len"`
		} `json:"data"`
	}
	if err := unmarshal(body, &w); err != nil {
		return nil, err
	}
	if w.Data == nil {
		return nil, fmt.Errorf("%w: no list of models: %s", ErrMalformed, excerpt(body))
	}
	models := make([]Model, 0, len(w.Data))
	for _, m := range w.Data {
		models = append(models, Model{ID: m.ID, OwnedBy: m.OwnedBy, MaxLength: m.Max})
	}
	return models, nil
}

// unmarshal tells a body that stops short from one that is wrong.
func unmarshal(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax) && syntax.Offset >= int64(len(body)) && syntax.Error() == "unexpected end of JSON input":
		return fmt.Errorf("%w: %w", ErrTruncated, io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("%w: %w: %s", ErrMalformed, err, excerpt(body))
}
