package mockserver

import (
	"cmp"
	"encoding/json"
	"net/http"
)

// The dialects. Their shapes are those of the projects' sources, at the places
// named beside them.
const (
	dialectOpenAI = "openai" // platform.openai.com/docs/api-reference
	dialectVLLM   = "vllm"   // github.com/vllm-project/vllm, vllm/entrypoints/openai
	dialectSGLang = "sglang" // github.com/sgl-project/sglang, python/sglang/srt/entrypoints/openai
)

// in is the error as a dialect writes it. A param or code that is not there is
// null: clients take `"error":null` for an error, so that never stands alone.
func (e apiError) in(dialect string) []byte {
	status := cmp.Or(e.status, http.StatusInternalServerError)
	var v any
	switch {
	case dialect == dialectOpenAI:
		v = map[string]any{"error": openAIError{e.message, e.typ, orNull(e.param), orNull(e.code)}}
	case status == http.StatusUnauthorized:
		// Both projects check the key in a middleware, before their own errors:
		// vllm/entrypoints/openai/api_server.py, sglang/srt/utils.py.
		v = map[string]any{"error": "Unauthorized"}
	case dialect == dialectVLLM: // ErrorResponse of engine/protocol.py
		v = map[string]any{"error": serverError{"", e.message, errorType(status), orNull(e.param), status}}
	case e.status == 0: // create_streaming_error_response of serving_base.py wraps what ErrorResponse of protocol.py does not
		v = map[string]any{"error": serverError{"error", e.message, errorType(status), nil, status}}
	default:
		v = serverError{"error", e.message, errorType(status), orNull(e.param), status}
	}
	out, _ := json.Marshal(v) // strings and numbers: cannot fail
	return out
}

type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

type serverError struct {
	Object  string  `json:"object,omitempty"`
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    int     `json:"code"`
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// errorType is how both projects name a status: by the exception where they
// raise one of their own, else by the phrase that goes with it.
func errorType(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequestError"
	case http.StatusNotFound:
		return "NotFoundError"
	case http.StatusInternalServerError:
		return "InternalServerError"
	}
	return http.StatusText(status)
}

// A shape is the constant text between the parts of a choice that change.
type shape struct {
	open  [kinds]string // of a delta, up to the text of its tokens
	shut  [kinds]string // of a delta, behind that text
	first string        // in a delta that names a function
	role  string        // a delta that has the role alone
	apart bool          // the role comes in a chunk of its own, however early
	empty string        // the delta of a chunk that only says why a choice ended

	going    string // behind a delta where the choice goes on
	reason   string // up to the finish reason
	stopped  string // behind it, up to the stop sequence that matched
	ended    string // behind that, to the choice's end
	nullPart bool   // usage is null in chunks that have none, if it was asked for
}

const toolDelta = `"tool_calls":[{"index":0,"function":{"arguments":"`

func chatShape(dialect string) shape {
	s := shape{
		open: [kinds]string{
			content: `,"delta":{"content":"`, reasoning: `,"delta":{"reasoning_content":"`, arguments: `,"delta":{` + toolDelta,
		},
		shut:  [kinds]string{content: `"}`, reasoning: `"}`, arguments: `"}}]}`},
		role:  `,"delta":{"role":"assistant","content":""}`,
		empty: `,"delta":{}`,
	}
	switch dialect {
	case dialectVLLM: // chat_completion/protocol.py and serving.py; unset fields are left out
		s.open[reasoning] = `,"delta":{"reasoning":"`
		s.apart, s.empty = true, `,"delta":{"content":""}`
	case dialectSGLang: // sse_utils.py, StreamDelta: reasoning_content is always there
		s.open[content] = `,"delta":{"reasoning_content":null,"content":"`
		s.open[arguments] = `,"delta":{"reasoning_content":null,` + toolDelta
		s.first = `"reasoning_content":null,`
		s.role = `,"delta":{"reasoning_content":null,"role":"assistant","content":""}`
		s.apart, s.empty = true, `,"delta":{"reasoning_content":null}`
	}
	return s.choices(dialect)
}

func textShape(dialect string) shape {
	s := shape{empty: `,"text":""`}
	s.open[content], s.shut[content] = `,"text":"`, `"`
	return s.choices(dialect)
}

// choices adds what stands behind the delta.
func (s shape) choices(dialect string) shape {
	s.reason = `,"logprobs":null,"finish_reason":`
	switch dialect {
	case dialectVLLM: // ...StreamChoice of chat_completion/protocol.py and completion/protocol.py
		s.going = s.reason + `null,"token_ids":null}`
		s.stopped, s.ended = `,"stop_reason":`, `,"token_ids":null}`
	case dialectSGLang: // StreamChoice of sse_utils.py
		s.going = s.reason + `null,"matched_stop":null}`
		s.stopped, s.ended = `,"matched_stop":`, `}`
	default:
		s.going, s.ended, s.nullPart = s.reason+`null}`, `}`, true
	}
	return s
}
