package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/llmload/llmload/client"
)

// The parts between guide: and guide:end are the snippets of README.md and
// README.zh-CN.md, word for word: TestGuideSnippets compares them.

func ExampleNew() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:new
		c, err := client.New(ctx, endpoint, client.Config{})
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		fmt.Println(strings.HasPrefix(c.String(), "client.Client{http://127.0.0.1:"))
		return nil
	})
	// Output: true
}

func ExampleClient_Generate() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:generate
		g, err := c.Generate(ctx, "Summarize: The quick brown fox jumps over the lazy dog.", client.GenerateOptions{
			MaxTokens:   50,
			Temperature: new(0.7),
			Stop:        []string{"\n\n"},
		})
		if err != nil {
			return err
		}
		fmt.Println(g.Text)
		fmt.Println(g.TokensUsed, "tokens from", g.Model, "ended by", g.FinishReason)
		fmt.Println("request", g.Metadata.RequestID, "took", len(g.Metadata.Attempts), "attempt")
		if limit := g.Metadata.RateLimit; limit != nil {
			fmt.Println("requests left:", limit.RemainingRequests)
		}
		//guide:end
		return nil
	})
	// Output:
	// In short: the lazy dog.
	// 18 tokens from demo-8b ended by stop
	// request demo-1 took 1 attempt
	// requests left: 59
}

func ExampleClient_GenerateBatch() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:batch
		prompts := []string{
			"Summarize: the first text",
			"Summarize: a forbidden text",
			"Summarize: the third text",
		}
		for i, r := range c.GenerateBatch(ctx, prompts, client.GenerateOptions{MaxTokens: 50}) {
			if r.Err != nil {
				fmt.Println(i+1, "failed")
				continue
			}
			fmt.Println(i+1, r.Generation.Text)
		}
		//guide:end
		return nil
	})
	// Output:
	// 1 In short: the first text
	// 2 failed
	// 3 In short: the third text
}

func ExampleClient_GenerateBatchRequest() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		prompts := []string{"Summarize: the first text", "Summarize: the second text"}
		//guide:batch-request
		results, total := c.GenerateBatchRequest(ctx, prompts, client.GenerateOptions{MaxTokens: 50})
		for i, r := range results {
			if r.Err != nil {
				return r.Err
			}
			fmt.Println(i+1, r.Generation.Text)
		}
		fmt.Println(total.InputTokens, "tokens in,", total.OutputTokens, "out")
		//guide:end
		return nil
	})
	// Output:
	// 1 In short: the first text
	// 2 In short: the second text
	// 8 tokens in, 10 out
}

func ExampleClient_Chat() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:chat
		conversation := []client.Message{
			{Role: "system", Content: "Answer in one sentence."},
			{Role: "user", Content: "Who painted the Mona Lisa?"},
		}
		resp, err := c.Chat(ctx, client.Request{Messages: conversation, MaxTokens: 50})
		if err != nil {
			return err
		}
		fmt.Println(resp.Text)
		conversation = append(conversation, resp.Message())
		//guide:end
		fmt.Println(len(conversation), conversation[2].Role)
		return nil
	})
	// Output:
	// In short: the Mona Lisa?
	// 3 assistant
}

func ExampleClient_Stream() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:stream
		r := client.Request{Messages: []client.Message{{Role: "user", Content: "Greet the wide world."}}}
		for chunk, err := range c.Stream(ctx, r).All() {
			if err != nil {
				return err
			}
			fmt.Print(chunk.Text)
			if chunk.Usage != nil {
				fmt.Println("\n", chunk.Usage.OutputTokens, "tokens")
			}
		}
		//guide:end
		return nil
	})
	// Output:
	// In short: the wide world.
	//  4 tokens
}

// The same, chunk by chunk.
func ExampleStream_Next() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		r := client.Request{Messages: []client.Message{{Role: "user", Content: "Greet the wide world."}}}
		//guide:stream-pull
		s := c.Stream(ctx, r)
		defer s.Close()
		for s.Next() {
			fmt.Print(s.Chunk().Text)
		}
		if err := s.Err(); err != nil {
			return err
		}
		//guide:end
		return nil
	})
	// Output: In short: the wide world.
}

func ExampleClient_Complete() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:complete
		resp, err := c.Complete(ctx, client.Request{
			Prompts:   []string{"Once upon a time", "In a galaxy far away"},
			MaxTokens: 20,
		})
		if err != nil {
			return err
		}
		for _, choice := range resp.Choices {
			fmt.Println(choice.Index, choice.Text)
		}
		//guide:end
		return nil
	})
	// Output:
	// 0 In short: upon a time
	// 1 In short: galaxy far away
}

func ExampleClient_Embed() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:embed
		vectors, usage, err := c.Embed(ctx, client.Request{Prompts: []string{"apple", "pear"}})
		if err != nil {
			return err
		}
		fmt.Println(len(vectors), "vectors of", len(vectors[0]), "numbers from", usage.InputTokens, "tokens")
		//guide:end
		return nil
	})
	// Output: 2 vectors of 2 numbers from 2 tokens
}

func ExampleTool() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		forecast := func(string) string { return "rain until noon" }
		//guide:tools
		r := client.Request{
			Messages: []client.Message{{Role: "user", Content: "Do I need an umbrella in Turku?"}},
			Tools: []client.Tool{{
				Name:        "weather",
				Description: "The forecast for a city.",
				Parameters:  json.RawMessage(`{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}`),
			}},
		}
		resp, err := c.Chat(ctx, r)
		if err != nil {
			return err
		}
		r.Messages = append(r.Messages, resp.Message())
		for _, call := range resp.ToolCalls {
			var arguments struct{ City string }
			if err := call.Decode(&arguments); err != nil {
				return err
			}
			r.Messages = append(r.Messages, client.Message{
				Role: "tool", ToolCallID: call.ID, Content: forecast(arguments.City),
			})
		}
		if resp, err = c.Chat(ctx, r); err != nil {
			return err
		}
		fmt.Println(resp.Text)
		//guide:end
		return nil
	})
	// Output: In short: rain until noon
}

func ExampleSchema() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:schema
		resp, err := c.Chat(ctx, client.Request{
			Messages: []client.Message{{Role: "user", Content: "Turku: rain until noon."}},
			Schema: &client.Schema{
				Name:       "weather",
				Definition: json.RawMessage(`{"type": "object", "properties": {"city": {"type": "string"}, "rain": {"type": "boolean"}}}`),
			},
		})
		if err != nil {
			return err
		}
		var weather struct {
			City string
			Rain bool
		}
		if err := json.Unmarshal([]byte(resp.Text), &weather); err != nil {
			return err
		}
		fmt.Println(weather.City, weather.Rain)
		//guide:end
		return nil
	})
	// Output: Turku true
}

func ExampleLoadConfig() {
	demo(func(ctx context.Context, endpoint string) error {
		path, remove, err := demoFile(endpoint)
		if err != nil {
			return err
		}
		defer remove()
		//guide:config-file
		endpoint, cfg, err := client.LoadConfig(path)
		if err != nil {
			return err
		}
		c, err := client.New(ctx, endpoint, cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		fmt.Println(cfg.Timeout, cfg.MaxRetries, cfg.RateLimit)
		return nil
	})
	// Output: 30s 3 60
}

func ExampleAPIError() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:errors
		g, err := c.Generate(ctx, "Summarize: a forbidden text", client.GenerateOptions{})
		var api *client.APIError
		var late *client.TimeoutError
		var conn *client.ConnectionError
		switch {
		case err == nil:
			fmt.Println(g.Text)
		case errors.As(err, &api):
			fmt.Println("the server refused:", api.Status, api.Message)
		case errors.As(err, &late):
			fmt.Println("too late, while waiting for", late.Phase)
		case errors.As(err, &conn):
			fmt.Println("no connection:", conn.Kind)
		case errors.Is(err, client.ErrTruncated):
			fmt.Println("the answer stops short")
		default:
			return err
		}
		//guide:end
		return nil
	})
	// Output: the server refused: 403 not for you
}
