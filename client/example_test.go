package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/llmload/llmload/client"
)

func exampleServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, says("Hello")+says(", world")+ends("stop")+counts(9, 2)+done)
	}))
}

func ExampleClient_Chat() {
	srv := exampleServer()
	defer srv.Close()
	ctx := context.Background()
	c, err := client.New(ctx, srv.URL, client.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	resp, err := c.Chat(ctx, client.Request{
		Messages: []client.Message{{Role: "user", Content: "Greet the world."}},
		Stream:   true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s (%d tokens, %s)\n", resp.Text, resp.Usage.OutputTokens, resp.FinishReason)
	// Output: Hello, world (2 tokens, stop)
}

func ExampleClient_Stream() {
	srv := exampleServer()
	defer srv.Close()
	ctx := context.Background()
	c, err := client.New(ctx, srv.URL, client.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	r := client.Request{Messages: []client.Message{{Role: "user", Content: "Greet the world."}}}
	for chunk, err := range c.Stream(ctx, r).All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(chunk.Text)
	}
	// Output: Hello, world
}
