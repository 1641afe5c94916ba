package mockserver

import (
	"cmp"
	"fmt"
)

// check refuses what no config of the server would answer. A param is named as
// the client wrote it.
func (r *request) check(a api) *apiError {
	if r.Model == "" {
		return invalid("model", "you must provide a model parameter")
	}
	return cmp.Or(r.checkPrompts(a), r.checkRanges(a), r.checkStream(a), r.checkLength(), r.checkCompletion(a), r.checkTools(a), r.checkEmbedding(a))
}

func (r *request) checkPrompts(a api) *apiError {
	name := a.promptName()
	count := len(r.Messages)
	if a != apiChat {
		count = len(r.texts(a))
	}
	switch n := r.choices(a); {
	case count == 0:
		return missing(name)
	case n < 1 || n > maxN:
		return invalid("n", "Invalid 'n': expected an integer from 1 to %d, but got %d instead.", maxN, n)
	case a != apiChat && count > maxPrompts:
		return invalid(name, "Invalid '%s': more than %d prompts in one request.", name, maxPrompts)
	case a == apiCompletions && count*n > maxPrompts:
		return invalid("n", "Invalid 'n': %d prompts of %d choices each are more than %d choices in one request.", count, n, maxPrompts)
	case a == apiChat:
		return r.checkMessages()
	}
	return nil
}

func (r *request) checkRanges(a api) *apiError {
	for _, c := range []struct {
		param       string
		value       *float64
		least, most float64
	}{
		{"temperature", r.Temperature, 0, 2},
		{"top_p", r.TopP, 0, 1},
		{"presence_penalty", r.PresencePenalty, -2, 2},
		{"frequency_penalty", r.FrequencyPenalty, -2, 2},
	} {
		if c.value != nil && (*c.value < c.least || *c.value > c.most) {
			return invalid(c.param, "Invalid '%s': expected a decimal from %v to %v, but got %v instead.", c.param, c.least, c.most, *c.value)
		}
	}
	for id, bias := range r.LogitBias {
		if !(bias >= -100 && bias <= 100) {
			return invalid("logit_bias", "Invalid 'logit_bias': expected decimals from -100 to 100, but got %v for token %q instead.", bias, id)
		}
	}
	switch n := r.TopLogprobs; {
	case n == nil:
	case *n < 0 || *n > 20:
		return invalid("top_logprobs", "Invalid 'top_logprobs': expected an integer from 0 to 20, but got %d instead.", *n)
	case a == apiChat && string(r.Logprobs) != "true":
		return invalid("top_logprobs", "The 'top_logprobs' parameter is only allowed when 'logprobs' is true.")
	}
	return nil
}

func (r *request) checkStream(a api) *apiError {
	switch {
	case a == apiEmbeddings:
	case r.StreamOptions != nil && !r.Stream:
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case len(r.Stop) > maxStops:
		return invalid("stop", "Invalid 'stop': expected at most %d sequences, but got %d instead.", maxStops, len(r.Stop))
	}
	return nil
}

func (r *request) checkLength() *apiError {
	limit, name := r.limit(), r.limitName()
	switch {
	case limit != nil && *limit < 1:
		return invalid(name, "%s must be at least 1, got %d", name, *limit)
	case r.MinTokens < 0:
		return invalid("min_tokens", "min_tokens must not be negative, got %d", r.MinTokens)
	case limit != nil && r.MinTokens > *limit:
		return invalid("min_tokens", "min_tokens %d is over %s %d", r.MinTokens, name, *limit)
	}
	return nil
}

// checkCompletion refuses what vLLM refuses too: it has no suffix, and since its
// engine's version 1 no best_of.
func (r *request) checkCompletion(a api) *apiError {
	switch {
	case a != apiCompletions:
	case r.Suffix != nil && *r.Suffix != "":
		return invalid("suffix", "suffix is not supported")
	case r.BestOf != nil && *r.BestOf != r.choices(a):
		return invalid("best_of", "best_of is not supported beyond n: of %d answers drawn alike none is the best", *r.BestOf)
	}
	return nil
}

func (r *request) checkEmbedding(a api) *apiError {
	switch f := r.EncodingFormat; {
	case a != apiEmbeddings:
	case f != "" && f != "float" && f != "base64":
		return invalid("encoding_format", "Invalid value for 'encoding_format': %q; write float or base64.", f)
	case r.Dimensions != nil && (*r.Dimensions < 1 || *r.Dimensions > maxDimensions):
		return invalid("dimensions", "Invalid 'dimensions': expected an integer from 1 to %d, but got %d instead.", maxDimensions, *r.Dimensions)
	}
	return nil
}

// index is a param inside an element of a list, as OpenAI names it.
func index(list string, i int, key string) string { return fmt.Sprintf("%s[%d].%s", list, i, key) }
