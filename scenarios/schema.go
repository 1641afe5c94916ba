package scenarios

import (
	"encoding"
	"reflect"

	"github.com/invopop/jsonschema"

	"github.com/llmload/llmload/internal/strictyaml"
)

// Schema is a JSON Schema of a scenario, for editors: it knows every key and where it stands. Values that have a grammar of
// their own, such as rates and lengths, and what holds between keys, Parse alone checks. The mock's config and faults are left
// open.
func Schema() *jsonschema.Schema {
	s := schemaOf(Spec{})
	workload, load, faults := schemaOf(workloadSpec{}), schemaOf(loadSpec{}), &jsonschema.Schema{Type: "array"}
	mix := &jsonschema.Schema{Type: "array", Items: schemaOf(mixSpec{})}
	stage := schemaOf(stageSpec{})
	for _, in := range []*jsonschema.Schema{s, stage} {
		for key, of := range map[string]*jsonschema.Schema{"workload": workload, "mix": mix, "load": load, "faults": faults} {
			in.Properties.Set(key, of)
		}
	}
	s.Properties.Set("stages", &jsonschema.Schema{Type: "array", Items: stage})
	s.Properties.Set("slo", &jsonschema.Schema{Type: "object"})
	s.Version, s.Title = jsonschema.Version, "llmload scenario"
	return s
}

func schemaOf(v any) *jsonschema.Schema {
	r := jsonschema.Reflector{FieldNameTag: "yaml", Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: scalarSchema}
	s := r.Reflect(v)
	s.Version = ""
	return s
}

// scalarSchema is what a type takes that is no plain mapping. Text stands for every scalar, because of ${NAME}.
func scalarSchema(t reflect.Type) *jsonschema.Schema {
	pointer := reflect.PointerTo(t)
	switch {
	case t == reflect.TypeFor[strictyaml.Node](), pointer.Implements(reflect.TypeFor[strictyaml.Unmarshaler]()):
		return &jsonschema.Schema{}
	case pointer.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return anyOf("string", "number", "boolean") // off and on are booleans to some editors
	case t.Kind() == reflect.Slice && t != reflect.TypeFor[[]thresholdSpec]() && t != reflect.TypeFor[[]stageSpec]():
		item := schemaOf(reflect.New(t.Elem()).Interface())
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{item, {Type: "array", Items: item}}}
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return anyOf("integer", "string")
	case reflect.Float64:
		return anyOf("number", "string")
	case reflect.Bool:
		return anyOf("boolean", "string")
	case reflect.Map:
		return &jsonschema.Schema{Type: "object"}
	}
	return nil
}

func anyOf(types ...string) *jsonschema.Schema {
	s := &jsonschema.Schema{}
	for _, t := range types {
		s.AnyOf = append(s.AnyOf, &jsonschema.Schema{Type: t})
	}
	return s
}
