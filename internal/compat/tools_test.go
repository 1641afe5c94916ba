package compat_test

import (
	"testing"
)

var weather = tool{"get_weather", `{
	"type": "object",
	"properties": {
		"city": {"type": "string"},
		"unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
		"days": {"type": "integer", "minimum": 1, "maximum": 7}
	},
	"required": ["city", "unit", "days"],
	"additionalProperties": false
}`}

var clock = tool{"get_time", `{
	"type": "object",
	"properties": {"zone": {"type": "string"}, "exact": {"type": "boolean"}},
	"required": ["zone", "exact"],
	"additionalProperties": false
}`}

func TestToolCalls(t *testing.T) {
	for _, row := range []struct {
		that, choice string
		finish       []string
		want         tool
	}{
		{"required calls the first tool", "required", []string{"tool_calls"}, weather},
		// OpenAI's guide: the finish reason of a call that the request forced by name is stop. Others say tool_calls.
		{"a name calls that function", "get_time", []string{"tool_calls", "stop"}, clock},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachWay(t, "", func(t *testing.T, _ client, ask way) {
				a := must(t, ask, question{tools: []tool{weather, clock}, choice: row.choice})
				checkCall(t, a, row.want)
				checkOneOf(t, a.finish, row.finish)
			})
		})
	}
}

func checkCall(t *testing.T, a answer, want tool) {
	t.Helper()
	if len(a.calls) == 0 {
		t.Fatalf("no tool call, but finish %q and the text %q", a.finish, a.text)
	}
	if c := a.calls[0]; c.id == "" || c.name != want.name {
		t.Errorf("call %+v, want one of %s with an id", c, want.name)
	}
	fits(t, want.parameters, a.calls[0].arguments)
	if a.text != "" || a.role != "assistant" {
		t.Errorf("role %q, text %q beside the call, want assistant and none", a.role, a.text)
	}
}

func checkOneOf(t *testing.T, got string, want []string) {
	t.Helper()
	for _, w := range want {
		if got == w {
			return
		}
	}
	t.Errorf("finish %q, want one of %q", got, want)
}

func TestToolResultsAreAnsweredWithText(t *testing.T) {
	eachWay(t, "", func(t *testing.T, _ client, ask way) {
		q := question{tools: []tool{weather}, choice: "required"}
		q.calls, q.choice = must(t, ask, q).calls, "none"
		if len(q.calls) == 0 {
			t.Fatal("no tool call to give the result of")
		}
		if a := must(t, ask, q); a.text == "" || len(a.calls) > 0 {
			t.Errorf("text %q and calls %+v, want a text alone", a.text, a.calls)
		}
	})
}

func TestNoToolIsCalledThatIsNotToBe(t *testing.T) {
	eachWay(t, "", func(t *testing.T, _ client, ask way) {
		a := must(t, ask, question{tools: []tool{weather}, choice: "none", limit: 3})
		if len(a.calls) != 0 || a.text == "" {
			t.Errorf("text %q and calls %+v, want a text alone", a.text, a.calls)
		}
	})
}
