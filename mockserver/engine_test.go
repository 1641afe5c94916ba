package mockserver_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestWhatFitsIntoNoMemoryIsRefusedAndNotQueued(t *testing.T) {
	s := serve(t, "engine: {model: step, c0: 1ms, kv_tokens: 100}")
	w := post(s, chatPath, chat(90, `,"max_tokens":11`))
	var got struct{ Error struct{ Message, Type, Param, Code string } }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 400 || got.Error.Type != "invalid_request_error" ||
		got.Error.Code != "context_length_exceeded" || got.Error.Param != "messages" ||
		!strings.Contains(got.Error.Message, "90 tokens of prompt and 11 of completion do not fit into the server's KV memory of 100") {
		t.Errorf("%d, %v: %s", w.Code, err, w.Body)
	}
	if w := post(s, chatPath, chat(90, `,"max_tokens":10`)); w.Code != 200 {
		t.Errorf("what fits is answered with %d: %s", w.Code, w.Body)
	}
}
