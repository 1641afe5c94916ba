package jsonsample_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/llmload/llmload/mockserver/internal/jsonsample"
)

var schemas = []struct{ name, schema string }{
	{"no keyword at all", `{}`},
	{"anything", `true`},
	{"strings, plain and bounded", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","minLength":30},"c":{"type":"string","maxLength":2},
		"d":{"type":"string","minLength":7,"maxLength":7}},"required":["a","b","c","d"]}`},
	{"an enum and a const", `{"type":"object","properties":{"a":{"enum":["x",1,null,{"y":[2]}]},"b":{"const":12345678901234567890}},"required":["a","b"]}`},
	{"text that must be escaped", `{"type":"object","properties":{"a\"\\":{"const":"line\nbreak \"quoted\" <é> \u2028"}},"required":["a\"\\"]}`},
	{"integers in bounds", `{"type":"object","properties":{"a":{"type":"integer","minimum":5,"maximum":5},"b":{"type":"integer","exclusiveMinimum":0,"maximum":1},
		"c":{"type":"integer","maximum":-3},"d":{"type":"integer","multipleOf":7,"minimum":1},"e":{"type":"integer","multipleOf":1.5},
		"f":{"type":"integer","exclusiveMinimum":0.5,"exclusiveMaximum":1.5}},"required":["a","b","c","d","e","f"]}`},
	{"numbers in bounds", `{"type":"object","properties":{"a":{"type":"number","minimum":0.25,"maximum":0.75},"b":{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.001},
		"c":{"type":"number","minimum":1e12},"d":{"type":"number","multipleOf":0.1}},"required":["a","b","c","d"]}`},
	{"integers that no float tells apart", `{"type":"array","prefixItems":[{"type":"integer","minimum":9007199254740993,"maximum":9007199254740993},
		{"type":"integer","exclusiveMinimum":-9007199254740994,"exclusiveMaximum":-9007199254740992},{"type":"integer","multipleOf":9007199254740993}],"minItems":3,"items":false}`},
	{"multiples that are exact", `{"type":"array","prefixItems":[{"type":"number","multipleOf":0.0000001,"minimum":0.3},{"type":"integer","multipleOf":0.3,"minimum":1},
		{"type":"number","minimum":0.1,"maximum":0.1},{"type":"number","exclusiveMinimum":0,"minimum":-1,"exclusiveMaximum":1e-20}],"minItems":4,"items":false}`},
	{"bounds that are zero", `{"type":"array","items":{"type":"number","minimum":-0.0,"maximum":0e9},"minItems":1}`},
	{"booleans and null", `{"type":"array","items":{"type":["boolean","null"]},"minItems":5}`},
	{"lists of a size", `{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"},"minItems":4,"maxItems":4},"b":{"type":"array","maxItems":0},
		"c":{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}},"required":["a","b","c"]}`},
	{"lists whose items differ", `{"type":"array","items":{"type":"integer","minimum":1,"maximum":3},"minItems":3,"uniqueItems":true}`},
	{"formats", `{"type":"object","properties":{"a":{"type":"string","format":"date-time"},"b":{"type":"string","format":"uuid"},"c":{"type":"string","format":"email"},
		"d":{"type":"string","format":"ipv4"},"e":{"type":"string","format":"date"},"f":{"type":"string","format":"uri"},"g":{"type":"string","format":"duration"},
		"h":{"type":"string","format":"ipv6"},"i":{"type":"string","format":"time"},"j":{"type":"string","format":"hostname"}}}`},
	{"a pattern", `{"type":"object","properties":{"a":{"type":"string","pattern":"^[A-Z]{2}-\\d{3,5}(x|yz)?$"}},"required":["a"]}`},
	{"a format with room, and a pattern", `{"type":"object","properties":{"a":{"type":"string","format":"date","pattern":"^[0-9-]+$","minLength":10,"maxLength":10}},"required":["a"]}`},
	{"nested objects without more properties", `{"type":"object","properties":{"a":{"type":"object","properties":{"b":{"type":"object","properties":{"c":{"type":"string"}},
		"required":["c"],"additionalProperties":false}},"required":["b"],"additionalProperties":false}},"required":["a"],"additionalProperties":false}`},
	{"the first of several, with what stands beside it", `{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],
		"anyOf":[{"properties":{"b":{"type":"integer"}},"required":["b"]},{"required":["c"]}]}`},
	{"exactly one", `{"oneOf":[{"type":"object","properties":{"kind":{"const":"dog"}},"required":["kind"]},{"type":"object","properties":{"kind":{"const":"cat"}},"required":["kind"]}]}`},
	{"all of several", `{"allOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"null"}},"required":["b"]}]}`},
	{"a property of which two parts speak", `{"allOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"a":{"maxLength":3}},"required":["a"]}]}`},
	{"titles that differ", `{"title":"x","allOf":[{"title":"y","type":"object"}]}`},
	{"a tree that refers to itself", `{"$defs":{"node":{"type":"object","properties":{"value":{"type":"integer"},"children":{"type":"array","items":{"$ref":"#/$defs/node"}}},
		"required":["value","children"],"additionalProperties":false}},"$ref":"#/$defs/node"}`},
	{"a list that may end", `{"$defs":{"item":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/item"},{"type":"null"}]}},"required":["next"]}},"$ref":"#/$defs/item"}`},
	{"a list that ends with null", `{"type":["object","null"],"properties":{"next":{"$ref":"#"}},"required":["next"]}`},
	{"a root that refers to itself", `{"type":"object","properties":{"next":{"$ref":"#"},"n":{"type":"integer"}},"required":["n"]}`},
	{"more than the properties named", `{"type":"object","required":["a"],"additionalProperties":{"type":"integer"}}`},
}

func draw(schema string, seed uint64) (string, error) {
	return jsonsample.Draw(json.RawMessage(schema), rand.New(rand.NewPCG(seed, 0)))
}

// compile gives nil for a schema that is none.
func compile(schema string) *jsonschema.Schema {
	rules, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return nil
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if c.AddResource("s.json", rules) != nil {
		return nil
	}
	s, err := c.Compile("s.json")
	if err != nil {
		return nil
	}
	return s
}

func TestTextsFitTheirSchemas(t *testing.T) {
	for _, c := range schemas {
		t.Run(c.name, func(t *testing.T) {
			rules := compile(c.schema)
			if rules == nil {
				t.Fatal("this is no schema")
			}
			for seed := range uint64(50) {
				text, err := draw(c.schema, seed)
				if err != nil {
					t.Fatal(err)
				}
				fits(t, rules, text)
			}
		})
	}
}

func fits(t *testing.T, rules *jsonschema.Schema, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if err := rules.Validate(v); err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
}

func TestSchemasThatCannotBeHonouredAreRefused(t *testing.T) {
	for _, c := range []struct{ name, schema, want string }{
		{"nothing fits", `false`, "nothing fits false"},
		{"a keyword that is not honoured", `{"not":{"type":"string"}}`, `does not support "not"`},
		{"no such type", `{"type":"float"}`, `"float" is not a type`},
		{"a reference to nothing", `{"$ref":"#/$defs/absent"}`, "leads to nothing"},
		{"a reference to elsewhere", `{"$ref":"https://example.com/x"}`, "not inside the schema"},
		{"a reference to itself", `{"$ref":"#"}`, "references follow one another"},
		{"a tree without an end", `{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}`, "more than 64 levels"},
		{"a list too long", `{"type":"array","items":{"type":"integer"},"minItems":1000000000}`, "more than 2000 values"},
		{"more different items than there are", `{"type":"array","items":{"type":"boolean"},"minItems":3,"uniqueItems":true}`, "more than 2000 values"},
		{"many lists in lists", `{"type":"array","minItems":20,"items":{"type":"array","minItems":20,"items":{"type":"array","minItems":20,"items":{}}}}`, "more than 2000 values"},
		{"a list longer than any", `{"type":"array","minItems":1e10}`, "more than 2000 values"},
		{"a list of fewer than its least", `{"type":"array","items":{"type":"integer"},"minItems":3,"maxItems":2}`, "no list has from 3 to 2 items"},
		{"a list of fewer than its least, deep down", `{"items":{"items":{"items":{"items":{"items":{"minItems":3,"maxItems":2},"minItems":1},"minItems":1},"minItems":1},"minItems":1},"minItems":1}`, "no list has"},
		{"a list as items", `{"type":"array","items":[{"type":"integer"}]}`, "write prefixItems"},
		{"a format that is too long", `{"type":"string","format":"uri","maxLength":10}`, `does not support "format" with minLength and maxLength`},
		{"a format that is too short", `{"type":"string","format":"date","minLength":20}`, `does not support "format" with minLength and maxLength`},
		{"a format that does not match", `{"type":"string","format":"date","pattern":"^[a-z]+$"}`, `does not support the format "date" with the pattern`},
		{"a bound out of reach", `{"type":"number","minimum":1e400}`, `does not support a "minimum" of that size`},
		{"a step out of reach", `{"type":"number","multipleOf":1e-999999999}`, `does not support a "multipleOf" of that size`},
		{"a bound of many digits", `{"type":"number","maximum":0.` + strings.Repeat("1", 500) + `}`, `does not support a "maximum" of that size`},
		{"a step of nothing", `{"type":"number","multipleOf":0}`, "multipleOf must be above 0"},
		{"a string longer than any", `{"type":"string","minLength":1e10}`, "no string has"},
		{"a string too long", `{"type":"string","minLength":1000000000}`, "no string has"},
		{"a range that is empty", `{"type":"integer","minimum":3,"maximum":2}`, "no number fits its bounds"},
		{"a range that excludes its ends", `{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0}`, "no number fits its bounds"},
		{"properties that are none", `{"allOf":[{"properties":{"a":{}},"required":["a"]},{"properties":7,"type":"integer","required":7,"type":"objekt"}]}`, "is not a type"},
		{"an empty enum", `{"enum":[]}`, "empty enum"},
		{"parts that contradict", `{"allOf":[{"minimum":1},{"minimum":2}]}`, `two "minimum" that differ`},
		{"a part that shuts another out", `{"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]}`, "additionalProperties"},
		{"a pattern with a look-ahead", `{"type":"string","pattern":"(?=a)b"}`, "does not support the pattern"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				if text, err := draw(c.schema, seed); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("%s, %v, want %s", text, err, c.want)
				}
			}
		})
	}
}

func TestTheSameDiceMakeTheSameText(t *testing.T) {
	for _, c := range schemas {
		one, _ := draw(c.schema, 7)
		if two, err := draw(c.schema, 7); err != nil || two != one {
			t.Errorf("%s: %s, then %s, %v", c.name, one, two, err)
		}
	}
}

// Whatever a schema asks for, the text fits it or it is refused.
func FuzzDraw(f *testing.F) {
	for _, c := range schemas {
		f.Add(c.schema, uint64(1))
	}
	f.Add(`{"type":"object","required":["a","a"],"minProperties":1,"properties":{"a":false}}`, uint64(1))
	f.Fuzz(func(t *testing.T, schema string, seed uint64) {
		text, err := draw(schema, seed)
		if err != nil {
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatalf("not JSON: %s", text)
		}
		if !json.Valid([]byte(schema)) || strings.Contains(schema, "oneOf") || strings.Contains(schema, "enum") || strings.Contains(schema, "const") {
			return // the first of oneOf, and the values of an enum, are taken at their word
		}
		if rules := compile(schema); rules != nil {
			fits(t, rules, text)
		}
	})
}
