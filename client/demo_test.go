package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"

	"github.com/llmload/llmload/client"
)

// demoServer is the server of the guide's examples: it summarises what it is
// told to, badly, but always in the same way.
func demoServer() *httptest.Server {
	mux := http.NewServeMux()
	var answers atomic.Int64
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"data": []any{map[string]any{"id": "demo-8b", "max_model_len": 8192}}})
	})
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", fmt.Sprintf("demo-%d", answers.Add(1)))
		demoChat(w, r)
	})
	mux.HandleFunc("POST /v1/completions", demoCompletions)
	mux.HandleFunc("POST /v1/embeddings", demoEmbeddings)
	return httptest.NewServer(mux)
}

type demoRequest struct {
	Stream   bool `json:"stream"`
	Messages []struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	} `json:"messages"`
	Prompt []string        `json:"prompt"`
	Input  []string        `json:"input"`
	Tools  []any           `json:"tools"`
	Format json.RawMessage `json:"response_format"`
}

func demoChat(w http.ResponseWriter, r *http.Request) {
	var in demoRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Messages) == 0 {
		http.Error(w, `{"error":{"message":"bad request"}}`, http.StatusBadRequest)
		return
	}
	last := in.Messages[len(in.Messages)-1]
	w.Header().Set("X-Ratelimit-Remaining-Requests", "59")
	switch {
	case strings.Contains(last.Content, "forbidden"):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"error":{"message":"not for you","type":"permission_error"}}`)
	case len(in.Tools) > 0 && last.Role == "user":
		call := map[string]any{"id": "call-1", "type": "function", "function": map[string]any{"name": "weather", "arguments": `{"city":"Turku"}`}}
		writeJSON(w, demoAnswer(map[string]any{"content": nil, "tool_calls": []any{call}}, "tool_calls"))
	case len(in.Format) > 0:
		writeJSON(w, demoAnswer(map[string]any{"content": `{"city":"Turku","rain":true}`}, "stop"))
	case in.Stream:
		w.Header().Set("Content-Type", "text/event-stream")
		for i, word := range strings.SplitAfter(demoText(last.Content), " ") {
			fmt.Fprint(w, map[bool]string{true: roleChunk}[i == 0]+says(word))
		}
		fmt.Fprint(w, ends("stop")+counts(9, 4)+endMarker)
	default:
		writeJSON(w, demoAnswer(map[string]any{"content": demoText(last.Content)}, "stop"))
	}
}

// demoText drops the instruction and keeps the last three words.
func demoText(prompt string) string {
	words := strings.Fields(prompt[strings.LastIndex(prompt, ":")+1:])
	return "In short: " + strings.Join(words[max(0, len(words)-3):], " ")
}

func demoAnswer(message map[string]any, finish string) map[string]any {
	return map[string]any{
		"id": "a", "model": "demo-8b", "choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": finish}},
		"usage": map[string]any{"prompt_tokens": 12, "completion_tokens": 6},
	}
}

func demoCompletions(w http.ResponseWriter, r *http.Request) {
	var in demoRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var choices []any
	for i, prompt := range in.Prompt {
		choices = append(choices, map[string]any{"index": i, "text": demoText(prompt), "finish_reason": "stop"})
	}
	writeJSON(w, map[string]any{"model": "demo-8b", "choices": choices, "usage": map[string]any{"prompt_tokens": 8, "completion_tokens": 10}})
}

func demoEmbeddings(w http.ResponseWriter, r *http.Request) {
	var in demoRequest
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var data []any
	for i, text := range in.Input {
		data = append(data, map[string]any{"index": i, "embedding": []int{len(text), 1}})
	}
	writeJSON(w, map[string]any{"data": data, "usage": map[string]any{"prompt_tokens": len(data)}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// demo runs an example against the demo server.
func demo(do func(ctx context.Context, endpoint string) error) {
	srv := demoServer()
	defer srv.Close()
	if err := do(context.Background(), srv.URL); err != nil {
		fmt.Println(err)
	}
}

// demoWith is demo with a client that is at hand.
func demoWith(cfg client.Config, do func(ctx context.Context, c *client.Client) error) {
	demo(func(ctx context.Context, endpoint string) error {
		c, err := client.New(ctx, endpoint, cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		return do(ctx, c)
	})
}

// demoFile writes a configuration file that names the endpoint.
func demoFile(endpoint string) (path string, remove func(), err error) {
	f, err := os.CreateTemp("", "llm-*.yaml")
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "llm:\n  cloud_endpoint: %s\n  timeout: 30.0\n  max_retries: 3\n  rate_limit: 60\n", endpoint)
	return f.Name(), func() { os.Remove(f.Name()) }, err
}
