package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
)

// API names a method of the server.
type API int

// The methods that a [Request] can be sent to.
const (
	Chat        API = iota // POST /chat/completions, with Request.Messages
	Completions            // POST /completions, with Request.Prompts
	Embeddings             // POST /embeddings, with Request.Prompts
)

// String returns the method's path without its leading slash.
func (a API) String() string {
	switch a {
	case Chat:
		return "chat/completions"
	case Completions:
		return "completions"
	case Embeddings:
		return "embeddings"
	}
	return fmt.Sprintf("API(%d)", int(a))
}

// field is the body's field that carries the prompts.
func (a API) field() string {
	if a == Embeddings {
		return "input"
	}
	return "prompt"
}

// Message is one turn of a chat.
type Message struct {
	Role    string // system, user, assistant, tool
	Content string

	Name       string     // of the speaker, where several share a role
	ToolCalls  []ToolCall // of an assistant's turn, see Response.Message
	ToolCallID string     // of a tool's turn: ToolCall.ID of what it answers
}

// Request is one call. Fields left at zero are left out of the body, so that
// the server's own defaults hold.
type Request struct {
	API      API
	ID       string // sent as X-Request-Id
	Model    string // default Config.Model, else the server's first
	Messages []Message
	Prompts  []string // completions and embeddings; one is sent as a string, several as a list
	Stream   bool

	MaxTokens   int  // most tokens to generate
	MinTokens   int  // least tokens to generate, where the server knows min_tokens
	IgnoreEOS   bool // generate to MaxTokens, where the server knows ignore_eos
	Temperature *float64
	Stop        []string
	Seed        *int64

	Tools      []Tool  // functions that the model may ask to be called; chat
	ToolChoice string  // auto, none, required, or the name of one of Tools; default the server's
	Schema     *Schema // what the text of the answer must look like; chat

	Header http.Header    // wins over Config.Header
	Extra  map[string]any // further body fields, messages and prompts among them; wins over Config.ExtraBody and the typed fields
}

// call is a request made ready to be sent, as often as its retries need.
type call struct {
	method string
	url    *url.URL
	label  string // the address without secrets, for errors
	// secrets are those of the client and of Request.Header.
	secrets secrets
	header  http.Header
	host    string // what the header Host says; the connection goes to url
	body    []byte
	api     API
	stream  bool
	id      string
	cost    int // tokens, estimated
	model   string
	prompts int // how many, 0 of a chat
	// vectors is how many embeddings are wanted with their values; 0: only their number is.
	vectors int
}

// accepts returns the content type of a proper answer.
func (cl *call) accepts() string {
	if cl.stream {
		return "text/event-stream"
	}
	return "application/json"
}

// prepare encodes a request once for all of its attempts.
func (c *Client) prepare(ctx context.Context, r Request) (*call, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := c.nameModel(ctx, &r); err != nil {
		return nil, err
	}
	body, err := r.encode(c.cfg.ExtraBody)
	if err != nil {
		return nil, fmt.Errorf("client: request body cannot be written as JSON: %w", err)
	}
	hidden := c.wire.secrets
	if len(r.Header) > 0 {
		hidden = hidden.withHeader(r.Header)
	}
	to := c.wire.methods[r.API]
	header := c.headerFor(r)
	return &call{
		method: http.MethodPost, url: &to.url, label: to.label, secrets: hidden,
		header: header, host: hostOf(header, &to.url), body: body, api: r.API, stream: r.Stream, id: r.ID, model: r.Model, cost: r.cost(body), prompts: len(r.Prompts),
	}, nil
}

func (r Request) check() error {
	switch {
	case r.API < Chat || r.API > Embeddings:
		return fmt.Errorf("client: unknown Request.API %d: use Chat, Completions or Embeddings", int(r.API))
	case r.API == Chat && len(r.Messages) == 0 && r.Extra["messages"] == nil:
		return fmt.Errorf("client: a chat request needs at least one of Request.Messages")
	case r.API != Chat && len(r.Prompts) == 0 && r.Extra[r.API.field()] == nil:
		return fmt.Errorf("client: a request to %s needs at least one of Request.Prompts", r.API)
	case r.API == Embeddings && r.Stream:
		return fmt.Errorf("client: embeddings cannot be streamed: leave Request.Stream unset")
	case r.MaxTokens < Off || r.MinTokens < Off:
		return fmt.Errorf("client: MaxTokens is %d, MinTokens %d: write client.Off, or leave them at 0", r.MaxTokens, r.MinTokens)
	case r.API != Chat && (len(r.Tools) > 0 || r.Schema != nil):
		return fmt.Errorf("client: Request.Tools and Request.Schema are for Chat, not for %s", r.API)
	}
	if err := checkText("Request", "ID", r.ID); err != nil {
		return err
	}
	if len(r.Header) > 0 {
		if err := errors.Join(checkHeader("Request", r.Header)...); err != nil {
			return err
		}
	}
	return r.checkTools()
}

func (c *Client) headerFor(r Request) http.Header {
	h := maps.Clone(c.wire.header)
	if r.Stream {
		h["Accept"] = []string{"text/event-stream"}
	}
	if r.ID != "" {
		h["X-Request-Id"] = []string{r.ID}
	}
	override(h, c.cfg.Header)
	override(h, r.Header)
	return h
}

// hostOf returns the header Host, which net/http does not take from the others.
func hostOf(h http.Header, u *url.URL) string {
	if v := h["Host"]; len(v) > 0 {
		return v[0]
	}
	return u.Host
}

func override(h, with http.Header) {
	for k, v := range with {
		h[http.CanonicalHeaderKey(k)] = v
	}
}
