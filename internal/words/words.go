// Package words makes text whose length in tokens is known without a tokenizer, and passages of a real text, whose length
// in tokens only a server knows.
//
// Goals: n words are n tokens, because each of the 2,596 words is a single token, at the start of a text and after a
// space, in six large vocabularies; the same source of randomness gives the same text; prompts cost little to make.
//
// Non-goals: languages other than English, counting the tokens of foreign text.
package words

import (
	_ "embed" // the word list
	"math/rand/v2"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed token_words.txt
var list string

// all splits the list once, on first use; it is never changed.
var all = sync.OnceValue(func() []string { return strings.Fields(list) })

// ids is the place of each word in the list, made on first use.
var ids = sync.OnceValue(func() map[string]int {
	m := make(map[string]int, len(all()))
	for i, w := range all() {
		m[w] = i
	}
	return m
})

// Len is the number of words.
func Len() int { return len(all()) }

// ID returns the place of a word in the list, from 0; ok is false for one that is not in it.
func ID(word string) (id int, ok bool) {
	id, ok = ids()[word]
	return id, ok
}

// Word returns the word at a place of the list, below Len.
func Word(id int) string { return all()[id] }

// Text returns n random words, joined by one space; "" when n is not positive.
func Text(r *rand.Rand, n int) string {
	const meanLength = 7 // a word and its space
	return string(Append(make([]byte, 0, max(n, 0)*meanLength), r, n))
}

// Append appends n random words, joined by one space, to dst. It puts no space before the first.
func Append(dst []byte, r *rand.Rand, n int) []byte {
	words := all()
	for i := range n {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, words[r.IntN(len(words))]...)
	}
	return dst
}

// Nonce returns four words that stand for the low 45 bits of hash: different numbers give different words. They are the head
// of a prompt that no prefix cache has seen.
func Nonce(hash uint64) string {
	const nonceWords = 4 // 2,596^4 is just over 2^45
	words := all()
	n := uint64(len(words))
	hash &= 1<<45 - 1
	var out [nonceWords]string
	for i := range out {
		out[i] = words[hash%n]
		hash /= n
	}
	return strings.Join(out[:], " ")
}

// Count returns the number of fields of s between white space, as strings.Fields has them, without making them.
func Count(s string) int {
	count, inWord := 0, false
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		space := unicode.IsSpace(r)
		if !space && !inWord {
			count++
		}
		inWord = !space
		i += size
	}
	return count
}
