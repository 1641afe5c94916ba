package cli

import (
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"
	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// schemas are the JSON Schemas that `llmload schema` prints.
var schemas = map[string]func() *jsonschema.Schema{
	"scenario": scenarios.Schema,
	"summary":  func() *jsonschema.Schema { return fileSchema(results.Summary{}, "llmload summary.json") },
	"record": func() *jsonschema.Schema {
		return fileSchema(results.Record{}, "a line of llmload's requests.jsonl.zst")
	},
}

func schemaCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print a JSON Schema: of a scenario (for editors), of summary.json, of a record",
		ArgsUsage: "scenario|summary|record",
		Description: example("llmload schema scenario > scenario.schema.json") +
			"\n\nAn editor with the YAML language server takes it from the first line of a scenario:\n  # yaml-language-server: $schema=scenario.schema.json",
		Action: func(c *cli.Context) error {
			names := []string{"scenario", "summary", "record"}
			build, ok := schemas[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usage("schema of what? write one of %s%s", strings.Join(names, ", "), didYouMean(c.Args().First(), names))
			}
			return printJSON(sys.Out, build())
		},
	}
}

// fileSchema is that of a file that llmload writes. It allows keys that it does not know, for later versions add some.
func fileSchema(v any, title string) *jsonschema.Schema {
	r := jsonschema.Reflector{AllowAdditionalProperties: true, ExpandedStruct: true}
	s := r.Reflect(v)
	s.Title, s.ID = title, ""
	nullable(s, s.Definitions, reflect.TypeOf(v), map[reflect.Type]bool{})
	return s
}

// nullable allows null where Go writes it: for a pointer, a list or a map that is always there.
func nullable(s *jsonschema.Schema, defs jsonschema.Definitions, t reflect.Type, seen map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	if def, ok := defs[t.Name()]; ok {
		s = def
	}
	if s == nil || s.Properties == nil {
		return
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property, ok := s.Properties.Get(name)
		if !ok {
			continue
		}
		nullable(nil, defs, f.Type, seen)
		switch f.Type.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			if !strings.Contains(options, "omit") {
				s.Properties.Set(name, &jsonschema.Schema{AnyOf: []*jsonschema.Schema{property, {Type: "null"}}})
			}
		}
	}
}
