package compat_test

import (
	"context"
	"net/http"
)

// A client is one that others wrote, with what is common to all of them.
type client interface {
	ask(context.Context, question) (answer, error)
	stream(context.Context, question) (answer, error) // with an error: what came before it
	complete(context.Context, completion) (texts, error)
	completeStream(context.Context, completion) (texts, error)
	embed(ctx context.Context, input any, format string) ([][]float32, error)
	models(context.Context) (ids []string, err error)
	model(ctx context.Context, id string) (got string, err error)
	refusal(error) (refusal, bool) // false: not the client's type for an error of the API
}

// A way to ask: in one piece or streamed.
type way func(context.Context, question) (answer, error)

var clients = map[string]func(url, key string) client{
	"openai-go": func(url, key string) client { return newOfficial(url, key) },
	"go-openai": func(url, key string) client { return newCommunity(url, key) },
}

// A question is a chat request. What is at zero is not sent.
type question struct {
	model       string // "": the mock's default
	prompt      string // "": a default
	mute        bool   // no messages at all
	limit       int    // max_completion_tokens
	legacyLimit int    // max_tokens
	stop        []string
	tools       []tool
	choice      string // auto, none, required, or a function's name
	object      bool   // response_format json_object
	schema      string // of a response_format json_schema
	calls       []call // of an earlier answer, with their results
}

type tool struct {
	name       string
	parameters string // JSON schema
}

type call struct{ id, name, arguments string }

type answer struct {
	role, text, reasoning, finish string
	pieces                        int // deltas that had text
	calls                         []call
	usage                         usage
	header                        http.Header
}

type usage struct{ prompt, completion, total, reasoning int }

// A completion is a request for one; prompt is a string, []string, []int64 or [][]int64.
type completion struct {
	prompt   any
	limit, n int
}

// texts is the answer: by index of the choice.
type texts struct {
	texts, finish []string
	usage         usage
}

func (x *texts) add(index int, text, finish string) {
	for len(x.texts) <= index {
		x.texts, x.finish = append(x.texts, ""), append(x.finish, "")
	}
	x.texts[index] += text
	x.finish[index] += finish
}

// A refusal is an error of the API as a client shows it; code is text also where the server sent a number.
type refusal struct {
	status            int // 0: it came inside a stream
	kind, code, param string
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
