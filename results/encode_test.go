package results_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/results"
)

// The encoder must follow the struct tags: a field that is added to one and not to the other fails here.
func TestAppendJSONIsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord().Draw(t, "record")
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.AppendJSON([]byte("x")); string(got) != "x"+string(want) {
			t.Fatalf("\n got %s\nwant %s", got[1:], want)
		}
	})
}

// anyRecord draws records with every field, by reflection, so that it needs no change with the struct.
func anyRecord() *rapid.Generator[*results.Record] {
	return rapid.Custom(func(t *rapid.T) *results.Record {
		r := new(results.Record)
		fill(t, reflect.ValueOf(r).Elem())
		return r
	})
}

func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		if !rapid.Bool().Draw(t, "nil") {
			n := rapid.IntRange(0, 3).Draw(t, "len")
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.SampledFrom([]string{"", "ok", "<", ">", "&", "\"\\\n\x00", "\xff", "界"}), rapid.String()).Draw(t, "string"))
	case reflect.Map:
		if rapid.Bool().Draw(t, "nil") {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 3).Draw(t, "len") {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(t, key)
			fill(t, value)
			v.SetMapIndex(key, value)
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.SampledFrom([]int64{0, 1, -1, 1 << 62}), rapid.Int64()).Draw(t, "int"))
	default:
		t.Fatalf("a field of kind %s: teach fill about it", v.Kind())
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r := stream128()
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = r.AppendJSON(line[:0])
	}
	b.SetBytes(int64(len(line)))
}

// stream128 is a request of 128 tokens in as many arrivals.
func stream128() *results.Record {
	r := streamed()
	a := &r.Attempts[1]
	a.Arrivals = results.Arrivals{}
	for i := range 128 {
		a.Arrivals.DtNS = append(a.Arrivals.DtNS, 20*ms+int64(i*7919)%ms)
		a.Arrivals.K = append(a.Arrivals.K, 1)
		a.Arrivals.Events = append(a.Arrivals.Events, 1)
	}
	r.Tokens.Output = 128
	return &r
}
