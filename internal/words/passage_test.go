package words_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/words"
)

func TestAPassageIsWordsOfTheTextInTheirOrder(t *testing.T) {
	for _, n := range []int{0, 1, 7, 4000, 20_000} {
		text := words.Passage(source(3), n)
		if words.Count(text) != n || strings.Contains(text, "  ") {
			t.Errorf("a passage of %d words has %d", n, words.Count(text))
		}
	}
	whole := words.Passage(source(1), 25_000) // more than twice the text: it holds any short passage
	for seed := range uint64(20) {
		if one := words.Passage(source(seed), 300); !strings.Contains(whole, one) {
			t.Errorf("seed %d: %.80q is not a part of the text", seed, one)
		}
	}
	if !strings.Contains(whole, "Query 1. Do not Bodies act upon Light at a distance") {
		t.Error("the text is not the Opticks")
	}
	first := words.Passage(source(1), 300)
	if first != words.Passage(source(1), 300) || first == words.Passage(source(2), 300) {
		t.Error("a passage is not a function of its source")
	}
}
