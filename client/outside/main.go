// Command outside is a program that knows nothing of llmload but its client: it
// summarises a text.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/llmload/llmload/client"
)

func main() {
	endpoint := "http://localhost:8045"
	if len(os.Args) > 1 {
		endpoint = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, endpoint); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, endpoint string) error {
	c, err := client.New(ctx, endpoint, client.Config{
		APIKey: os.Getenv("LLM_API_KEY"),
	})
	if err != nil {
		return err
	}
	defer c.Close()

	g, err := c.Generate(ctx, "Summarize: The quick brown fox jumps over the lazy dog.", client.GenerateOptions{
		MaxTokens: 50,
	})
	if err != nil {
		return err
	}
	fmt.Println("text:   ", g.Text)
	fmt.Println("tokens: ", g.TokensUsed)
	fmt.Println("latency:", g.Latency)
	return nil
}
