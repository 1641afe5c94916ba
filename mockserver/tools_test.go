package mockserver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

// An exchange of a chat, put together from a plain answer or from a stream.
type said struct {
	content, reasoning, arguments, name, id, finish string
	completion, thought, pieces                     int
}

type delta struct {
	Content          string
	ReasoningContent string `json:"reasoning_content"`
	ToolCalls        []struct {
		Index    *int
		ID       string
		Function *struct{ Name, Arguments string }
	} `json:"tool_calls"`
}

func talk(t *testing.T, s *mockserver.Server, more string, stream bool) (out said) {
	t.Helper()
	if stream {
		more += `,"stream":true,"stream_options":{"include_usage":true}`
	}
	w := post(s, chatPath, chat(3, more))
	payloads := []string{w.Body.String()}
	if stream {
		payloads = events(w.Body.Bytes())
		payloads = payloads[:len(payloads)-1]
	}
	for _, p := range payloads {
		var v struct {
			Choices []struct {
				Delta, Message delta
				Finish         string `json:"finish_reason"`
			}
			Usage *struct {
				Completion int `json:"completion_tokens"`
				Details    struct {
					Reasoning int `json:"reasoning_tokens"`
				} `json:"completion_tokens_details"`
			}
		}
		if err := json.Unmarshal([]byte(p), &v); err != nil || w.Code != 200 {
			t.Fatalf("%v in %d %s", err, w.Code, p)
		}
		for _, c := range v.Choices {
			out.add(t, c.Message, false)
			out.add(t, c.Delta, stream)
			out.finish += c.Finish
		}
		if v.Usage != nil {
			out.completion, out.thought = v.Usage.Completion, v.Usage.Details.Reasoning
		}
	}
	return out
}

func (s *said) add(t *testing.T, d delta, stream bool) {
	t.Helper()
	s.content += d.Content
	s.reasoning += d.ReasoningContent
	for _, c := range d.ToolCalls {
		if c.Function == nil || stream && (c.Index == nil || *c.Index != 0) {
			t.Fatalf("a call without its function or its index: %+v", c)
		}
		s.id += c.ID
		s.name += c.Function.Name
		s.arguments += c.Function.Arguments
		s.pieces++
	}
}

const twoTools = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":` + weatherSchema + `}},{"type":"function","function":{"name":"now"}}]`

func TestToolCalls(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprint("streamed ", stream), func(t *testing.T) {
			s := serve(t, "engine: {model: none}")
			a := talk(t, s, `,"tool_choice":"required",`+twoTools, stream)
			fits(t, weatherSchema, a.arguments)
			tokens := len(strings.Fields(a.arguments))
			if a.name != "get_weather" || !strings.HasPrefix(a.id, "call_") || a.finish != "tool_calls" || a.content != "" || a.completion != tokens {
				t.Errorf("%+v, want a call of get_weather with %d tokens", a, tokens)
			}
			if stream && a.pieces != tokens+1 {
				t.Errorf("%d events, want one that opens the call and one a token: %d", a.pieces, tokens+1)
			}
			if cut := talk(t, s, `,"max_tokens":2,"tool_choice":"required",`+twoTools, stream); cut.finish != "length" || cut.completion != 2 ||
				!strings.HasPrefix(a.arguments, cut.arguments) {
				t.Errorf("%+v, want the first two tokens of %q, and length", cut, a.arguments)
			}
			if a := talk(t, s, `,"tool_choice":{"type":"function","function":{"name":"now"}},`+twoTools, stream); a.name != "now" || a.arguments != "{}" {
				t.Errorf("%+v, want a call of now without arguments", a)
			}
			for _, never := range []string{`,"tool_choice":"none",`, `,"tool_choice":"auto",`, `,`} {
				if a := talk(t, s, `,"max_tokens":3`+never+twoTools, stream); a.name != "" || a.content == "" {
					t.Errorf("%s: %+v, want a text", never, a)
				}
			}
		})
	}
}

func TestAutoCallsAtItsRate(t *testing.T) {
	s := serve(t, "engine: {model: none}\noutput: {tool_calls: 0.3}")
	calls, names := 0, map[string]bool{}
	for i := range 300 {
		w := post(s, chatPath, fmt.Sprintf(`{"model":"demo-8b","max_tokens":9,"messages":[{"role":"user","content":"p%d"}],%s}`, i, twoTools))
		if strings.Contains(w.Body.String(), `"finish_reason":"tool_calls"`) {
			calls++
			names[w.Body.String()[strings.Index(w.Body.String(), `"name":`):][:12]] = true
		}
	}
	if calls < 60 || calls > 120 || len(names) != 2 { // 90 expected, standard deviation 8
		t.Errorf("%d calls of %v in 300 answers", calls, names)
	}
}

func TestReasoningComesBeforeWhatIsSaid(t *testing.T) {
	for _, c := range []struct {
		name, mode, more            string
		reasoning, content, thought int
		completion                  int
		finish                      string
	}{
		{"before the answer", "streamed", `,"max_tokens":12`, 5, 7, 5, 12, "length"},
		{"beyond the default length", "streamed", ``, 5, 128, 5, 133, "stop"},
		{"all that a short limit leaves", "streamed", `,"max_tokens":4`, 4, 0, 4, 4, "length"},
		{"hidden, it still counts", "hidden", `,"max_tokens":12`, 0, 7, 5, 12, "length"},
		{"hidden, with nothing behind it", "hidden", `,"max_tokens":5`, 0, 0, 5, 5, "length"},
		{"before a call", "streamed", `,"tool_choice":"required",` + twoTools, 5, 0, 5, -1, "tool_calls"},
		{"hidden before a call", "hidden", `,"tool_choice":"required",` + twoTools, 0, 0, 5, -1, "tool_calls"},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", streamed ", stream), func(t *testing.T) {
				s := serve(t, "engine: {model: none}\noutput: {reasoning: 5, reasoning_mode: "+c.mode+"}\nstream: {tokens_per_chunk: 3}")
				a := talk(t, s, c.more, stream)
				if c.completion < 0 {
					c.completion = 5 + len(strings.Fields(a.arguments))
				}
				got := []any{len(strings.Fields(a.reasoning)), len(strings.Fields(a.content)), a.thought, a.completion, a.finish}
				want := []any{c.reasoning, c.content, c.thought, c.completion, c.finish}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("reasoning, content, counted, completion, finish: %v, want %v", got, want)
				}
			})
		}
	}
}

func TestStopSequencesAreNotSoughtInReasoning(t *testing.T) {
	s := serve(t, "engine: {model: none}\noutput: {reasoning: 5}")
	whole := talk(t, s, `,"max_tokens":12`, false)
	thought, said := strings.Fields(whole.reasoning)[2], strings.Fields(whole.content)[3]
	a := talk(t, s, fmt.Sprintf(`,"max_tokens":12,"stop":[%q,%q]`, thought, " "+said), true)
	if late := talk(t, s, fmt.Sprintf(`,"max_tokens":12,"min_tokens":9,"stop":[%q]`, " "+said), true); late.finish != "length" {
		t.Errorf("%+v: a stop at token 9 was heard, before min_tokens of 9 with the reasoning", late)
	}
	if soon := talk(t, s, fmt.Sprintf(`,"max_tokens":12,"min_tokens":8,"stop":[%q]`, " "+said), true); soon.finish != "stop" {
		t.Errorf("%+v: min_tokens of 8 are 5 of reasoning and 3 more", soon)
	}
	if a.reasoning != whole.reasoning || a.finish != "stop" || len(strings.Fields(a.content)) != 3 || a.completion != 8 {
		t.Errorf("%+v of %+v", a, whole)
	}
}
