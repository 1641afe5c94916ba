package mockserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/llmload/llmload/mockserver"
)

// jsonAnswer asks for an answer in a schema and returns its text.
func jsonAnswer(s *mockserver.Server, schema, prompt string) (text string, status int, body string) {
	w := post(s, chatPath, fmt.Sprintf(`{"model":"demo-8b","messages":[{"role":"user","content":%q}],
		"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":%s}}}`, prompt, schema))
	var a answer
	if json.Unmarshal(w.Body.Bytes(), &a) == nil && len(a.Choices) == 1 {
		text = a.Choices[0].Message.Content
	}
	return text, w.Code, w.Body.String()
}

// fits fails where a text does not fit a schema.
func fits(t *testing.T, schema, text string) {
	t.Helper()
	rules, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("s.json", rules); err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := c.MustCompile("s.json").Validate(v); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
}

func TestAnAnswerFitsItsSchema(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	for i := range 20 {
		text, status, body := jsonAnswer(s, weatherSchema, fmt.Sprint("prompt ", i))
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		fits(t, weatherSchema, text)
	}
}

func TestASchemaThatCannotBeHonouredIsABadRequest(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	for schema, want := range map[string]string{
		`false`:            "Invalid schema in 'response_format': nothing fits false.",
		`{"type":"float"}`: `Invalid schema in 'response_format': \"float\" is not a type.`,
	} {
		if _, status, body := jsonAnswer(s, schema, "x"); status != http.StatusBadRequest || !strings.Contains(body, want) ||
			!strings.Contains(body, `"param":"response_format"`) {
			t.Errorf("%d %s, want 400 and %s", status, body, want)
		}
	}
}

func TestTheSamePromptHasTheSameJSON(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	seen := map[string]bool{}
	for i := range 10 {
		a, _, _ := jsonAnswer(s, weatherSchema, fmt.Sprint("prompt ", i))
		if b, _, _ := jsonAnswer(s, weatherSchema, fmt.Sprint("prompt ", i)); a != b {
			t.Errorf("%s, then %s", a, b)
		}
		seen[a] = true
	}
	if len(seen) < 8 {
		t.Errorf("%d texts for 10 prompts", len(seen))
	}
}
