package mockserver

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/llmload/llmload/internal/words"
)

// tokenSpace is above every id: they fit in 31 bits, as real vocabularies' do.
const tokenSpace = 1 << 31

// A tokenIDs is a prompt as token ids.
type tokenIDs []int64

// outside names in errors an id that no token can have.
const outside = "token id outside 0 to 2147483647"

func (ids *tokenIDs) UnmarshalJSON(src []byte) error {
	if json.Unmarshal(src, (*[]int64)(ids)) != nil {
		return wrongType[tokenIDs](src)
	}
	if slices.ContainsFunc(*ids, func(id int64) bool { return id < 0 || id >= tokenSpace }) {
		return &json.UnmarshalTypeError{Value: outside, Type: reflect.TypeFor[tokenIDs]()}
	}
	return nil
}

// tokenID is the id of a word: its place in the list, else a hash above it.
func tokenID(word string) int64 {
	if id, ok := words.ID(word); ok {
		return int64(id)
	}
	return wordHash(word)
}

// wordHash is the same for a word and for what its id stands for. For a word
// that is not in the list it is the id.
func wordHash(word string) int64 {
	if id, ok := placeholder(word); ok {
		return id
	}
	first := uint64(words.Len())
	return int64(first + hashString(word)%(tokenSpace-first))
}

// hashWords goes on from h with the words of a prompt, however they are spaced
// and whether they came as text or as ids.
func hashWords(h uint64, text string) uint64 {
	for word := range strings.FieldsSeq(text) {
		h = hashWord(h, word)
	}
	return h
}

func hashWord(h uint64, word string) uint64 {
	for id := wordHash(word); id > 0; id >>= 8 {
		h = (h ^ uint64(id&0xff)) * 1099511628211
	}
	return hashMore(h, " ")
}

// tokenText is the word of an id. A word that is not in the list is not to be
// found from its hash: its placeholder, such as <81923>, has the same id again.
func tokenText(id int64) string {
	if id >= 0 && id < int64(words.Len()) {
		return words.Word(int(id))
	}
	return "<" + strconv.FormatInt(id, 10) + ">"
}

func placeholder(word string) (id int64, ok bool) {
	if word[0] != '<' {
		return 0, false
	}
	id, err := strconv.ParseInt(strings.Trim(word, "<>"), 10, 64)
	return id, err == nil && tokenText(id) == word
}

func (ids tokenIDs) text() string {
	var sb strings.Builder
	for i, id := range ids {
		if i > 0 {
			sb.WriteByte(' ')
		}
		sb.WriteString(tokenText(id))
	}
	return sb.String()
}

// tokenize answers POST /tokenize as vLLM does: TokenizeResponse of
// vllm/entrypoints/serve/tokenize/protocol.py.
func (s *Server) tokenize(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model    string    `json:"model"`
		Prompt   *string   `json:"prompt"`
		Messages []message `json:"messages"`
		Strings  bool      `json:"return_token_strs"`
	}
	m, bad := s.readFor(w, r, &in, &in.Model)
	if bad == nil && in.Prompt == nil && len(in.Messages) == 0 {
		bad = missing("prompt")
	}
	if bad != nil {
		writeErrorIn(w, s.cfg.Load().Dialect, *bad)
		return
	}
	texts := chatParts(in.Messages)
	if in.Prompt != nil {
		texts = []string{*in.Prompt}
	}
	out := tokenized{MaxModelLen: m.MaxModelLen, Tokens: []int64{}}
	for _, text := range texts {
		for word := range strings.FieldsSeq(text) {
			out.Tokens = append(out.Tokens, tokenID(word))
			if in.Strings {
				out.Strings = append(out.Strings, word)
			}
		}
	}
	out.Count = len(out.Tokens)
	writeJSON(w, out)
}

type tokenized struct {
	Count       int      `json:"count"`
	MaxModelLen int      `json:"max_model_len"`
	Tokens      []int64  `json:"tokens"`
	Strings     []string `json:"token_strs"`
}

// detokenize answers POST /detokenize.
func (s *Server) detokenize(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model  string   `json:"model"`
		Tokens tokenIDs `json:"tokens"`
	}
	_, bad := s.readFor(w, r, &in, &in.Model)
	if bad == nil && in.Tokens == nil {
		bad = missing("tokens")
	}
	if bad != nil {
		writeErrorIn(w, s.cfg.Load().Dialect, *bad)
		return
	}
	writeJSON(w, map[string]string{"prompt": in.Tokens.text()})
}

// readFor reads the body of a request that is no generation, and finds its
// model: the first where it names none.
func (s *Server) readFor(w http.ResponseWriter, r *http.Request, in any, model *string) (m Model, bad *apiError) {
	body, bad := readBody(w, r)
	if bad == nil {
		bad = decode(body, in)
	}
	cfg := s.cfg.Load()
	if bad != nil || *model == "" {
		return cfg.Models[0], bad
	}
	m, ok := cfg.model(*model)
	if !ok {
		bad = unknownModel(*model)
	}
	return m, bad
}
