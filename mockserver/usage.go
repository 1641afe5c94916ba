package mockserver

import "strconv"

// A usage is what an answer cost, in tokens.
type usage struct {
	prompt, cached, completion, reasoning int

	hasCached    bool // prompt_tokens_details is reported
	hasReasoning bool // completion_tokens_details too
	noCompletion bool // embeddings have none
	flat         bool // reasoning_tokens beside the others: UsageInfo of SGLang's protocol.py
}

func (u usage) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"prompt_tokens":`...), int64(u.prompt), 10)
	dst = strconv.AppendInt(append(dst, `,"total_tokens":`...), int64(u.prompt+u.completion), 10)
	if !u.noCompletion {
		dst = strconv.AppendInt(append(dst, `,"completion_tokens":`...), int64(u.completion), 10)
	}
	if u.hasCached {
		dst = strconv.AppendInt(append(dst, `,"prompt_tokens_details":{"cached_tokens":`...), int64(u.cached), 10)
		dst = append(dst, '}')
	}
	switch {
	case !u.hasReasoning:
	case u.flat:
		dst = strconv.AppendInt(append(dst, `,"reasoning_tokens":`...), int64(u.reasoning), 10)
	default:
		dst = strconv.AppendInt(append(dst, `,"completion_tokens_details":{"reasoning_tokens":`...), int64(u.reasoning), 10)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}
