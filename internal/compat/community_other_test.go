package compat_test

import (
	"context"
	"errors"
	"io"

	goopenai "github.com/sashabaranov/go-openai"
)

func (c community) complete(ctx context.Context, r completion) (out texts, err error) {
	got, err := c.CreateCompletion(ctx, communityCompletion(r))
	if err != nil {
		return out, err
	}
	for _, choice := range got.Choices {
		out.add(choice.Index, choice.Text, choice.FinishReason)
	}
	out.usage = communityUsage(got.Usage)
	return out, nil
}

func (c community) completeStream(ctx context.Context, r completion) (out texts, err error) {
	p := communityCompletion(r)
	p.Stream, p.StreamOptions = true, &goopenai.StreamOptions{IncludeUsage: true}
	s, err := c.CreateCompletionStream(ctx, p)
	if err != nil {
		return out, err
	}
	defer s.Close()
	for {
		got, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return out, err
		}
		for _, choice := range got.Choices {
			out.add(choice.Index, choice.Text, choice.FinishReason)
		}
		if got.Usage != nil {
			out.usage = communityUsage(got.Usage)
		}
	}
}

func communityCompletion(r completion) goopenai.CompletionRequest {
	return goopenai.CompletionRequest{Model: model, Prompt: r.prompt, MaxTokens: r.limit, N: r.n}
}

func (c community) embed(ctx context.Context, input any, format string) ([][]float32, error) {
	got, err := c.CreateEmbeddings(ctx, goopenai.EmbeddingRequest{
		Input: input, Model: model, EncodingFormat: goopenai.EmbeddingEncodingFormat(format),
	})
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(got.Data))
	for _, d := range got.Data {
		out[d.Index] = d.Embedding
	}
	return out, nil
}

func (c community) models(ctx context.Context) (ids []string, err error) {
	list, err := c.ListModels(ctx)
	for _, m := range list.Models {
		ids = append(ids, m.ID)
	}
	return ids, err
}

func (c community) model(ctx context.Context, id string) (string, error) {
	m, err := c.GetModel(ctx, id)
	return m.ID, err
}
