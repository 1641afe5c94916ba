package words_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/words"
)

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

func TestTextHasExactlyNWords(t *testing.T) {
	for _, n := range []int{0, 1, 2, 17, 4096} {
		text := words.Text(source(1), n)
		if len(strings.Fields(text)) != n || words.Count(text) != n {
			t.Errorf("Text of %d words has %d, Count says %d", n, len(strings.Fields(text)), words.Count(text))
		}
		if strings.Join(strings.Fields(text), " ") != text {
			t.Errorf("the words of %q are not joined by one space", text)
		}
	}
	if words.Text(source(1), -1) != "" {
		t.Error("less than no words are some")
	}
}

func TestTextIsAFunctionOfItsSource(t *testing.T) {
	first := words.Text(source(1), 50)
	if first != words.Text(source(1), 50) {
		t.Error("the same source gives another text")
	}
	if first == words.Text(source(2), 50) {
		t.Error("another source gives the same text")
	}
}

func TestTextUsesTheWholeList(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range strings.Fields(words.Text(source(1), 60_000)) {
		seen[w] = true
		if strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
			t.Fatalf("%q is not a plain word", w)
		}
	}
	if len(seen) != 2596 {
		t.Errorf("%d different words came, want 2596", len(seen))
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	got := string(words.Append([]byte("head "), source(1), 3))
	if got != "head "+words.Text(source(1), 3) {
		t.Errorf("Append gives %q", got)
	}
	dst := make([]byte, 0, 8192)
	r := source(1)
	if allocs := testing.AllocsPerRun(100, func() { words.Append(dst, r, 512) }); allocs != 0 {
		t.Errorf("Append allocates %v times where there is room", allocs)
	}
}

// TestNonceEncodes45Bits reads the number back out of the words, which shows that no two numbers share them.
func TestNonceEncodes45Bits(t *testing.T) {
	digits := map[string]uint64{}
	for first := range uint64(2596) {
		digits[strings.Fields(words.Nonce(first))[0]] = first
	}
	if len(digits) != 2596 {
		t.Fatalf("the first word takes %d values", len(digits))
	}
	r := source(1)
	for _, n := range append([]uint64{0, 1, 1<<45 - 1}, r.Uint64(), r.Uint64(), r.Uint64()) {
		var got uint64
		fields := strings.Fields(words.Nonce(n))
		for i := len(fields) - 1; i >= 0; i-- {
			got = got*2596 + digits[fields[i]]
		}
		if len(fields) != 4 || got != n&(1<<45-1) {
			t.Errorf("Nonce(%d) is %q, which stands for %d", n, fields, got)
		}
	}
}

func FuzzCount(f *testing.F) {
	for _, s := range []string{"", " ", "a", " a  b\n", "é\u00a0ü", "\u2003x\u0085", "a\xffb c", "a\u2003b", "x\u00e0y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := words.Count(s), len(strings.Fields(s)); got != want {
			t.Errorf("Count(%q) is %d, want %d", s, got, want)
		}
	})
}

func TestCountDoesNotAllocate(t *testing.T) {
	text := words.Text(source(1), 512) + " é"
	if allocs := testing.AllocsPerRun(100, func() { words.Count(text) }); allocs != 0 {
		t.Errorf("Count allocates %v times", allocs)
	}
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 8192)
	r := source(1)
	b.ReportAllocs()
	for b.Loop() {
		dst = words.Append(dst[:0], r, 512)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkCount(b *testing.B) {
	text := words.Text(source(1), 512)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		words.Count(text)
	}
}

func TestEveryWordHasAPlaceOfItsOwn(t *testing.T) {
	for id := range words.Len() {
		if got, ok := words.ID(words.Word(id)); !ok || got != id {
			t.Fatalf("word %d, %q, is at place %d, %v", id, words.Word(id), got, ok)
		}
	}
	if _, ok := words.ID("no such word"); ok {
		t.Error("a word that is not in the list has a place")
	}
}
