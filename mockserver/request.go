package mockserver

import (
	"bytes"
	"encoding/json"
	"errors"
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
	maxPrompts = 2048     // in one request, as OpenAI bounds embeddings; times n
	maxN       = 128      // choices a prompt, as OpenAI has it
	maxPlanned = 4 << 20  // tokens of output in one request, over all choices: some 200 MB
)

// A request is the body of a generation request, all endpoints in one. What it
// does not name is passed over, as vLLM does.
type request struct {
	Model    string     `json:"model"`
	Messages []message  `json:"messages"`
	Prompt   promptList `json:"prompt"`
	Input    promptList `json:"input"`

	Stream        bool `json:"stream"`
	StreamOptions *struct {
		IncludeUsage         bool `json:"include_usage"`
		ContinuousUsageStats bool `json:"continuous_usage_stats"` // vLLM: running totals in every chunk
	} `json:"stream_options"`

	MaxTokens           *int       `json:"max_tokens"`
	MaxCompletionTokens *int       `json:"max_completion_tokens"` // wins over max_tokens
	MinTokens           int        `json:"min_tokens"`
	IgnoreEOS           bool       `json:"ignore_eos"`
	Stop                stringList `json:"stop"`
	N                   *int       `json:"n"`

	Tools          []tool         `json:"tools"`
	ToolChoice     toolChoice     `json:"tool_choice"`
	ResponseFormat responseFormat `json:"response_format"`

	Echo   bool    `json:"echo"`
	BestOf *int    `json:"best_of"`
	Suffix *string `json:"suffix"`

	EncodingFormat string `json:"encoding_format"`
	Dimensions     *int   `json:"dimensions"`

	// Checked, and without an effect on words that are drawn from a list.
	Temperature      *float64 `json:"temperature"`
	TopP             *float64 `json:"top_p"`
	PresencePenalty  *float64 `json:"presence_penalty"`
	FrequencyPenalty *float64 `json:"frequency_penalty"`
	TopLogprobs      *int     `json:"top_logprobs"`

	Logprobs  json.RawMessage    `json:"logprobs"` // a boolean in a chat, a number elsewhere
	LogitBias map[string]float64 `json:"logit_bias"`

	Seed *int64  `json:"seed"`
	User *string `json:"user"`
}

type message struct {
	Role       string `json:"role"`
	Content    parts  `json:"content"`
	ToolCallID string `json:"tool_call_id"`
	ToolCalls  []struct {
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
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
	if bad := decode(body, req); bad != nil {
		return nil, bad
	}
	return req, req.check(a)
}

// decode reads a body; a value of the wrong type is named by its path. Nesting
// is bounded by encoding/json itself, at 10,000.
func decode(body []byte, v any) *apiError {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	var typ *json.UnmarshalTypeError
	var value *valueError
	switch {
	case errors.As(err, &value):
		return invalid(value.param, "Invalid value for '%s': %s.", value.param, value.msg)
	case errors.As(err, &typ) && typ.Field == "":
		return invalid("", "The JSON body of your request must be an object, but is %s.", article(typ.Value))
	case typ != nil:
		return invalid(typ.Field, "Invalid type for '%s': expected %s, but got %s instead.", typ.Field, expected(typ.Type), article(typ.Value))
	}
	return invalid("", "We could not parse the JSON body of your request: %s", err)
}

// limit is the request's bound on the tokens of an answer.
func (r *request) limit() *int {
	if r.MaxCompletionTokens != nil {
		return r.MaxCompletionTokens
	}
	return r.MaxTokens
}

// limitName is that bound as the client wrote it.
func (r *request) limitName() string {
	if r.MaxCompletionTokens != nil {
		return "max_completion_tokens"
	}
	return "max_tokens"
}

// choices is how many answers each prompt has.
func (r *request) choices(a api) int {
	if r.N == nil || a == apiEmbeddings {
		return 1
	}
	return *r.N
}

// promptName is the parameter that holds an endpoint's prompts.
func (a api) promptName() string {
	switch a {
	case apiChat:
		return "messages"
	case apiEmbeddings:
		return "input"
	}
	return "prompt"
}

// texts are the prompts of an endpoint that is no chat.
func (r *request) texts(a api) promptList {
	if a == apiEmbeddings {
		return r.Input
	}
	return r.Prompt
}

// prompts gives each prompt of a request as its parts.
func (r *request) prompts(a api) [][]string {
	if a == apiChat {
		return [][]string{chatParts(r.Messages)}
	}
	list := r.texts(a)
	out := make([][]string, len(list))
	for i := range list {
		out[i] = list[i : i+1]
	}
	return out
}

// chatParts is what a conversation says. Roles and tool definitions count no
// tokens; the calls that the model made earlier do.
func chatParts(messages []message) (all []string) {
	for _, m := range messages {
		all = append(all, m.Content...)
		for _, call := range m.ToolCalls {
			all = append(all, call.Function.Name, call.Function.Arguments)
		}
	}
	return all
}
