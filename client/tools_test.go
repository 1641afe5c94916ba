package client_test

import (
	"encoding/json"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/llmload/llmload/client"
)

var weather = client.Tool{
	Name: "weather", Description: "of a city", Strict: true,
	Parameters: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`),
}

func TestToolsAreSent(t *testing.T) {
	shape := `{"type":"function","function":{"name":"weather","description":"of a city","strict":true,"parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}`
	question := []client.Message{{Role: "user", Content: "Rain?"}}
	asked := `"messages":[{"role":"user","content":"Rain?"}]`
	tests := []struct {
		sentence string
		request  client.Request
		body     string
	}{
		{"a definition", client.Request{Messages: question, Tools: []client.Tool{weather}}, `{"model":"m",` + asked + `,"tools":[` + shape + `]}`},
		{"one without arguments", client.Request{Messages: question, Tools: []client.Tool{{Name: "now"}}}, `{"model":"m",` + asked + `,"tools":[{"type":"function","function":{"name":"now"}}]}`},
		{"a choice", client.Request{Messages: question, Tools: []client.Tool{weather}, ToolChoice: "required"}, `{"model":"m",` + asked + `,"tools":[` + shape + `],"tool_choice":"required"}`},
		{"a choice by name", client.Request{Messages: question, Tools: []client.Tool{weather}, ToolChoice: "weather"}, `{"model":"m",` + asked + `,"tools":[` + shape + `],"tool_choice":{"type":"function","function":{"name":"weather"}}}`},
		{
			"a schema",
			client.Request{Messages: question, Schema: &client.Schema{Definition: map[string]any{"type": "object"}, Strict: true}},
			`{"model":"m",` + asked + `,"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object"}}}}`,
		},
		{
			"calls and their results",
			client.Request{Messages: []client.Message{
				{Role: "assistant", ToolCalls: []client.ToolCall{{ID: "t1", Name: "weather", Arguments: "{}"}}},
				{Role: "tool", ToolCallID: "t1", Content: "rain"},
				{Role: "user", Name: "eve", Content: ""},
			}},
			`{"model":"m","messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"weather","arguments":"{}"}}]},
			 {"role":"tool","tool_call_id":"t1","content":"rain"},{"role":"user","name":"eve","content":""}]}`,
		},
	}
	for _, tt := range tests {
		s := &server{answer: keeping(answered("a"))}
		tt.request.Model = "m"
		if _, err := newClient(t, s, measuring).Chat(t.Context(), tt.request); err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(tt.body), &want); err != nil {
			t.Fatal(err)
		}
		if got := sent(t, s, 0); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", tt.sentence, got, want)
		}
	}
}

func TestBadTools(t *testing.T) {
	question := []client.Message{{Role: "user", Content: "Rain?"}}
	for says, r := range map[string]client.Request{
		`"wether" is none of Request.Tools`: {Messages: question, Tools: []client.Tool{weather}, ToolChoice: "wether"},
		"there are no Request.Tools":        {Messages: question, ToolChoice: "auto"},
		"Tools[1] has no name":              {Messages: question, Tools: []client.Tool{weather, {}}},
		"Schema has no Definition":          {Messages: question, Schema: &client.Schema{}},
		"are for Chat, not for completions": {API: client.Completions, Prompts: []string{"a"}, Tools: []client.Tool{weather}},
	} {
		s := &server{answer: keeping(answered("a"))}
		r.Model = "m"
		if _, err := newClient(t, s, measuring).Chat(t.Context(), r); err == nil || !strings.Contains(err.Error(), says) || len(s.got()) != 0 {
			t.Errorf("got %v after %d requests, want %q after none", err, len(s.got()), says)
		}
	}
}

// TestToolRoundTrip: the model calls, the program answers, the model goes on.
func TestToolRoundTrip(t *testing.T) {
	call := `{"choices":[{"message":{"content":null,"tool_calls":[{"id":"t1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Turku\"}"}}]},"finish_reason":"tool_calls"}]}`
	s := &server{answer: inTurn(keeping(plain(200, "application/json", call)), keeping(answered("wet")))}
	c := newClient(t, s, measuring)
	r := client.Request{Model: "m", Messages: []client.Message{{Role: "user", Content: "Rain?"}}, Tools: []client.Tool{weather}}
	resp, err := c.Chat(t.Context(), r)
	if err != nil || len(resp.ToolCalls) != 1 || resp.FinishReason != "tool_calls" {
		t.Fatalf("got %+v, %v", resp, err)
	}
	var arguments struct{ City string }
	if err := resp.ToolCalls[0].Decode(&arguments); err != nil || arguments.City != "Turku" {
		t.Errorf("arguments %+v, %v", arguments, err)
	}
	r.Messages = append(r.Messages, resp.Message(), client.Message{Role: "tool", ToolCallID: resp.ToolCalls[0].ID, Content: "rain"})
	if resp, err = c.Chat(t.Context(), r); err != nil || resp.Text != "wet" {
		t.Errorf("got %+v, %v", resp, err)
	}
	assistant := sent(t, s, 1)["messages"].([]any)[1].(map[string]any)
	if assistant["role"] != "assistant" || len(assistant["tool_calls"].([]any)) != 1 {
		t.Errorf("the assistant's turn was sent as %v", assistant)
	}
	if err := (client.ToolCall{Name: "f", Arguments: "{oops"}).Decode(&arguments); err == nil || !strings.Contains(err.Error(), "tool call f") {
		t.Errorf("broken arguments: %v", err)
	}
	if err := (client.ToolCall{Name: "now"}).Decode(&arguments); err != nil {
		t.Errorf("no arguments: %v", err)
	}
}

const modelList = `{"data":[{"id":"first"},{"id":"second"}]}`

// modelsOr answers GET /v1/models with a list, and all else with answer.
func modelsOr(s *server, models, answer func(int, net.Conn) bool) {
	s.answer = func(n int, conn net.Conn) bool {
		if s.got()[n].method == "GET" {
			return models(n, conn)
		}
		return answer(n, conn)
	}
}
