package mockserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// An api is a generation endpoint, by its path behind /v1.
type api string

const (
	apiChat        api = "/chat/completions"
	apiCompletions api = "/completions"
	apiEmbeddings  api = "/embeddings"
)

const (
	maxBody    = 64 << 20 // bytes
	maxPrompts = 2048     // in one request, as OpenAI bounds embeddings
)

// A request is the body of a generation request, all endpoints in one.
type request struct {
	Model    string      `json:"model"`
	Messages []message   `json:"messages"`
	Prompt   stringOrSet `json:"prompt"`
	Input    stringOrSet `json:"input"`

	Stream        bool `json:"stream"`
	StreamOptions struct {
		IncludeUsage         bool `json:"include_usage"`
		ContinuousUsageStats bool `json:"continuous_usage_stats"` // vLLM: running totals in every chunk
	} `json:"stream_options"`

	MaxTokens           *int        `json:"max_tokens"`
	MaxCompletionTokens *int        `json:"max_completion_tokens"` // wins over max_tokens
	MinTokens           int         `json:"min_tokens"`
	IgnoreEOS           bool        `json:"ignore_eos"`
	Stop                stringOrSet `json:"stop"`
	N                   *int        `json:"n"`
	EncodingFormat      string      `json:"encoding_format"`
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// A content is the text parts of a message: one string or a list of parts.
type content []string

func (c *content) UnmarshalJSON(src []byte) error {
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if len(src) > 0 && src[0] == '"' {
		*c = content{""}
		return json.Unmarshal(src, &(*c)[0])
	}
	if err := json.Unmarshal(src, &parts); err != nil {
		return errors.New("content must be a string or a list of parts")
	}
	for _, p := range parts {
		*c = append(*c, p.Text) // parts that are not text count no tokens
	}
	return nil
}

// A stringOrSet is a string or a list of strings; nil when the key was absent
// or null.
type stringOrSet []string

func (l *stringOrSet) UnmarshalJSON(src []byte) error {
	src = bytes.TrimSpace(src)
	switch {
	case string(src) == "null":
		return nil
	case len(src) > 0 && src[0] == '"':
		*l = stringOrSet{""}
		return json.Unmarshal(src, &(*l)[0])
	}
	list := []string{}
	if err := json.Unmarshal(src, &list); err != nil {
		return errors.New("must be a string or a list of strings; token ids are not supported")
	}
	*l = list
	return nil
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *apiError) {
	var body bytes.Buffer
	body.Grow(int(min(max(r.ContentLength, 0), 1<<20)) + bytes.MinRead) // no regrowth; a lie in the header costs 1 MiB
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		e := invalid("", "the request's body is over %d bytes", tooLarge.Limit)
		e.status = http.StatusRequestEntityTooLarge
		return nil, e
	case err != nil:
		return nil, invalid("", "the request's body did not arrive: %s", err)
	}
	return body.Bytes(), nil
}

func parseRequest(a api, body []byte) (*request, *apiError) {
	req := &request{}
	if err := json.Unmarshal(body, req); err != nil {
		return nil, invalid("", "We could not parse the JSON body of your request: %s", err)
	}
	return req, req.check(a)
}

// check refuses what no config of the server would answer.
func (r *request) check(a api) *apiError {
	switch {
	case r.Model == "":
		return invalid("model", "you must provide a model parameter")
	case a == apiChat && len(r.Messages) == 0:
		return invalid("messages", "Missing required parameter: 'messages'.")
	case a == apiCompletions && len(r.Prompt) == 0:
		return invalid("prompt", "Missing required parameter: 'prompt'.")
	case a == apiEmbeddings && len(r.Input) == 0:
		return invalid("input", "Missing required parameter: 'input'.")
	case len(r.Prompt) > maxPrompts || len(r.Input) > maxPrompts:
		return invalid("", "more than %d prompts in one request", maxPrompts)
	case a == apiEmbeddings && r.EncodingFormat != "" && r.EncodingFormat != "float":
		return invalid("encoding_format", "%q is not supported; write float", r.EncodingFormat)
	case r.N != nil && *r.N != 1:
		return invalid("n", "only n = 1 is supported")
	}
	return r.checkLength()
}

func (r *request) checkLength() *apiError {
	limit := r.limit()
	switch {
	case limit != nil && *limit < 1:
		return invalid("max_tokens", "max_tokens must be at least 1, got %d", *limit)
	case r.MinTokens < 0:
		return invalid("min_tokens", "min_tokens must not be negative, got %d", r.MinTokens)
	case limit != nil && r.MinTokens > *limit:
		return invalid("min_tokens", "min_tokens %d is over max_tokens %d", r.MinTokens, *limit)
	}
	return nil
}

func (r *request) limit() *int {
	if r.MaxCompletionTokens != nil {
		return r.MaxCompletionTokens
	}
	return r.MaxTokens
}

// prompts gives each prompt of a request as its parts.
func (r *request) prompts(a api) [][]string {
	if a == apiChat {
		var parts []string
		for _, m := range r.Messages {
			parts = append(parts, m.Content...)
		}
		return [][]string{parts}
	}
	list := r.Prompt
	if a == apiEmbeddings {
		list = r.Input
	}
	out := make([][]string, len(list))
	for i := range list {
		out[i] = list[i : i+1]
	}
	return out
}

// An apiError is a refusal in the shape of OpenAI's error object.
type apiError struct {
	status                    int
	message, typ, param, code string
}

func invalid(param, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, fmt.Sprintf(format, args...), "invalid_request_error", param, ""}
}

// json is the error object; a param or code that is not there is null.
func (e apiError) json() []byte {
	null := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	type object struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    *string `json:"code"`
	}
	// Strings alone: Marshal cannot fail.
	out, _ := json.Marshal(map[string]object{"error": {e.message, e.typ, null(e.param), null(e.code)}})
	return out
}
