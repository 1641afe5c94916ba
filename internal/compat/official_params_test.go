package compat_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
)

func officialParams(q question) openai.ChatCompletionNewParams {
	p := openai.ChatCompletionNewParams{Model: or(q.model, model), ToolChoice: officialChoice(q.choice)}
	if !q.mute {
		p.Messages = officialMessages(q)
	}
	if q.limit != 0 {
		p.MaxCompletionTokens = openai.Int(int64(q.limit))
	}
	if q.legacyLimit != 0 {
		p.MaxTokens = openai.Int(int64(q.legacyLimit))
	}
	p.Stop.OfStringArray = q.stop
	for _, t := range q.tools {
		p.Tools = append(p.Tools, openai.ChatCompletionFunctionTool(openai.FunctionDefinitionParam{
			Name: t.name, Parameters: object(t.parameters),
		}))
	}
	p.ResponseFormat = officialFormat(q)
	return p
}

// officialMessages has the prompt in parts, as this client's users may send it.
func officialMessages(q question) []openai.ChatCompletionMessageParamUnion {
	m := []openai.ChatCompletionMessageParamUnion{
		openai.SystemMessage("be brief"),
		openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{openai.TextContentPart(or(q.prompt, "say something"))}),
	}
	if len(q.calls) == 0 {
		return m
	}
	said, results := &openai.ChatCompletionAssistantMessageParam{}, []openai.ChatCompletionMessageParamUnion{}
	for _, c := range q.calls {
		said.ToolCalls = append(said.ToolCalls, openai.ChatCompletionMessageToolCallUnionParam{
			OfFunction: &openai.ChatCompletionMessageFunctionToolCallParam{
				ID:       c.id,
				Function: openai.ChatCompletionMessageFunctionToolCallFunctionParam{Name: c.name, Arguments: c.arguments},
			},
		})
		results = append(results, openai.ToolMessage(`{"done": true}`, c.id))
	}
	return append(append(m, openai.ChatCompletionMessageParamUnion{OfAssistant: said}), results...)
}

func officialChoice(choice string) (u openai.ChatCompletionToolChoiceOptionUnionParam) {
	switch choice {
	case "":
	case "auto", "none", "required":
		u.OfAuto = openai.String(choice)
	default:
		return openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: choice})
	}
	return u
}

func officialFormat(q question) (u openai.ChatCompletionNewParamsResponseFormatUnion) {
	switch {
	case q.object:
		u.OfJSONObject = &openai.ResponseFormatJSONObjectParam{}
	case q.schema != "":
		u.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{
			Name: "answer", Strict: openai.Bool(true), Schema: object(q.schema),
		}}
	}
	return u
}

// object reads a schema of a test; a mistake in it shows as a request without one.
func object(src string) (m map[string]any) {
	_ = json.Unmarshal([]byte(src), &m)
	return m
}

func officialCompletion(r completion) openai.CompletionNewParams {
	p := openai.CompletionNewParams{Model: model, MaxTokens: optional(r.limit), N: optional(r.n)}
	switch prompt := r.prompt.(type) {
	case string:
		p.Prompt.OfString = openai.String(prompt)
	case []string:
		p.Prompt.OfArrayOfStrings = prompt
	case []int64:
		p.Prompt.OfArrayOfTokens = prompt
	case [][]int64:
		p.Prompt.OfArrayOfTokenArrays = prompt
	}
	return p
}

func optional(n int) (o param.Opt[int64]) {
	if n != 0 {
		o = openai.Int(int64(n))
	}
	return o
}

func (o official) embed(ctx context.Context, input any, format string) ([][]float32, error) {
	p := openai.EmbeddingNewParams{Model: model, EncodingFormat: openai.EmbeddingNewParamsEncodingFormat(format)}
	switch in := input.(type) {
	case string:
		p.Input.OfString = openai.String(in)
	case []string:
		p.Input.OfArrayOfStrings = in
	case []int64:
		p.Input.OfArrayOfTokens = in
	case [][]int64:
		p.Input.OfArrayOfTokenArrays = in
	}
	got, err := o.Embeddings.New(ctx, p)
	if err != nil {
		return nil, err
	}
	return officialVectors(got, format)
}

// officialVectors decodes base64 itself: in Go, unlike in JavaScript and Python, the client leaves it to its caller.
func officialVectors(got *openai.CreateEmbeddingResponse, format string) ([][]float32, error) {
	out := make([][]float32, len(got.Data))
	for _, d := range got.Data {
		for _, v := range d.Embedding {
			out[d.Index] = append(out[d.Index], float32(v))
		}
		if format != "base64" {
			continue
		}
		var packed string
		if err := json.Unmarshal([]byte(d.JSON.Embedding.Raw()), &packed); err != nil {
			return nil, err
		}
		bits, err := base64.StdEncoding.DecodeString(packed)
		if err != nil {
			return nil, err
		}
		out[d.Index] = make([]float32, len(bits)/4)
		if err := binary.Read(bytes.NewReader(bits), binary.LittleEndian, out[d.Index]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
