package compat_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestAnswersFitTheirSchema(t *testing.T) {
	for _, row := range []struct{ that, schema string }{
		{"flat, of every simple type", weather.parameters},
		{"lists and objects within", `{
			"type": "object",
			"properties": {
				"title": {"type": "string"},
				"score": {"type": "number"},
				"good": {"type": "boolean"},
				"tags": {"type": "array", "items": {"type": "string"}},
				"author": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": ["integer", "null"]}},
					"required": ["name", "age"], "additionalProperties": false}
			},
			"required": ["title", "score", "good", "tags", "author"],
			"additionalProperties": false
		}`},
		{"parts by reference, and one of several", `{
			"type": "object",
			"$defs": {"step": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": false}},
			"properties": {
				"steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
				"result": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/step"}]}
			},
			"required": ["steps", "result"],
			"additionalProperties": false
		}`},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachWay(t, "", func(t *testing.T, _ client, ask way) {
				a := must(t, ask, question{schema: row.schema})
				fits(t, row.schema, a.text)
				if a.finish != "stop" {
					t.Errorf("finish %q, want stop: the answer is whole", a.finish)
				}
			})
		})
	}
}

func TestObjectAnswers(t *testing.T) {
	eachWay(t, "", func(t *testing.T, _ client, ask way) {
		fits(t, `{"type": "object"}`, must(t, ask, question{object: true}).text)
	})
}

// fits checks a JSON text against a schema.
func fits(t *testing.T, schema, text string) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%q is not JSON: %v", text, err)
	}
	rules, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", rules); err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("schema.json").Validate(value); err != nil {
		t.Errorf("%s: %v", text, err)
	}
}
