package compat_test

import (
	"slices"
	"testing"
)

func TestEmbeddings(t *testing.T) {
	for _, row := range []struct {
		that  string
		input any
		want  int // vectors
	}{
		{"one string", "one two three", 1},
		{"several strings", []string{"one", "two", "three"}, 3},
		{"token ids are one input", []int64{15339, 1917}, 1},
		{"lists of token ids are several", [][]int64{{15339}, {1917, 13}}, 2},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachClient(t, "", func(t *testing.T, c client) {
				for _, format := range []string{"", "float", "base64"} {
					got, err := c.embed(bounded(t), row.input, format)
					if err != nil {
						t.Errorf("format %q: %v: %s", format, err, raw(err))
						continue
					}
					checkVectors(t, format, got, row.want)
				}
			})
		})
	}
}

func checkVectors(t *testing.T, format string, got [][]float32, want int) {
	t.Helper()
	if len(got) != want {
		t.Fatalf("format %q: %d vectors, want %d", format, len(got), want)
	}
	for i, v := range got {
		if len(v) == 0 || len(v) != len(got[0]) {
			t.Errorf("format %q: vector %d has %d numbers, the first has %d", format, i, len(v), len(got[0]))
		}
		if i > 0 && slices.Equal(v, got[0]) {
			t.Errorf("format %q: input %d has the vector of the first", format, i)
		}
	}
}

func TestBothFormatsGiveTheSameVector(t *testing.T) {
	eachClient(t, "", func(t *testing.T, c client) {
		plain, err := c.embed(bounded(t), "one two three", "float")
		if err != nil {
			t.Fatal(err)
		}
		packed, err := c.embed(bounded(t), "one two three", "base64")
		if err != nil {
			t.Fatalf("%v: %s", err, raw(err))
		}
		if !slices.Equal(packed[0], plain[0]) {
			t.Errorf("base64 %v, float %v", packed[0], plain[0])
		}
	})
}
