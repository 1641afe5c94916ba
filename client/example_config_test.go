package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/llmload/llmload/client"
)

func ExampleConfig() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:pool
		c, err := client.New(ctx, endpoint, client.Config{
			PoolSize: 20, // for more requests at once
		})
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Warm(ctx); err != nil {
			fmt.Println("not all connections could be opened:", err)
		}
		//guide:end
		health := c.HealthCheck(ctx)
		fmt.Println(health.Open, "open,", health.Available, "available")
		return nil
	})
	// Output: 20 open, 20 available
}

func ExampleConfig_retries() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:retries
		c, err := client.New(ctx, endpoint, client.Config{
			MaxRetries: 5,
			Jitter:     true,
		})
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		fmt.Println(c.Metrics().Retries)
		return nil
	})
	// Output: 0
}

func ExampleConfig_rateLimit() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:rate-limit
		c, err := client.New(ctx, endpoint, client.Config{
			RateLimit:         100,    // never more attempts in any 60 s
			RequestsPerSecond: 5,      // and evenly spaced
			TokensPerMinute:   90_000, // and no more tokens than this
		})
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		fmt.Println(c.Metrics().Requests)
		return nil
	})
	// Output: 0
}

func ExampleConfig_concurrency() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:concurrency
		c, err := client.New(ctx, endpoint, client.Config{
			PoolSize:      20,
			RateLimit:     200,
			MaxConcurrent: 15,
		})
		if err != nil {
			return err
		}
		defer c.Close()

		var all sync.WaitGroup
		texts := make([]string, 50)
		for i := range texts {
			all.Go(func() {
				g, err := c.Generate(ctx, fmt.Sprintf("Request %d", i), client.GenerateOptions{})
				if err != nil {
					texts[i] = "failed: " + err.Error()
					return
				}
				texts[i] = g.Text
			})
		}
		all.Wait()
		fmt.Println(len(texts), "texts, the last:", texts[49])
		//guide:end
		return nil
	})
	// Output: 50 texts, the last: In short: Request 49
}

func ExampleClient_Metrics() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		for i := range 10 {
			if _, err := c.Generate(ctx, fmt.Sprintf("Request %d", i), client.GenerateOptions{}); err != nil {
				return err
			}
		}
		//guide:metrics
		m := c.Metrics()
		fmt.Printf("%d requests, %d attempts, %d retries\n", m.Requests, m.Attempts, m.Retries)
		fmt.Printf("%.1f%% succeeded\n", 100*m.SuccessRate)
		fmt.Printf("%.1f tokens a request\n", m.MeanTokens)
		fmt.Println("outcomes:", m.Outcomes)
		slog.Debug("llm client", "latency", m.MeanLatency, "time to first token", m.MeanTTFT)
		//guide:end
		return nil
	})
	// Output:
	// 10 requests, 10 attempts, 0 retries
	// 100.0% succeeded
	// 18.0 tokens a request
	// outcomes: map[ok:10]
}

func ExampleClient_HealthCheck() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		if err := c.Warm(ctx); err != nil {
			return err
		}
		//guide:health
		h := c.HealthCheck(ctx)
		if !h.Healthy {
			return fmt.Errorf("not healthy: %w", h.Err)
		}
		fmt.Printf("%d of %d connections available\n", h.Available, h.PoolSize)
		fmt.Printf("%d in use, %d being opened, %d requests in line\n", h.InUse, h.Dialling, h.Waiting)
		//guide:end
		return nil
	})
	// Output:
	// 10 of 10 connections available
	// 0 in use, 0 being opened, 0 requests in line
}

func ExampleClient_Shutdown() {
	demoWith(client.Config{}, func(ctx context.Context, c *client.Client) error {
		//guide:shutdown
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := c.Shutdown(ctx); err != nil {
			fmt.Println("some calls were cut off:", err)
		}
		//guide:end
		fmt.Println(c.HealthCheck(ctx).Open, "connections left")
		return nil
	})
	// Output: 0 connections left
}

func ExampleAttemptEvent() {
	demo(func(ctx context.Context, endpoint string) error {
		log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
		//guide:observer
		c, err := client.New(ctx, endpoint, client.Config{
			Observer: func(e client.AttemptEvent) {
				log.InfoContext(e.Context, "llm attempt", "number", e.Number, "status", e.Attempt.Status,
					"took", e.Attempt.Done.Sub(e.Attempt.Started), "err", e.Attempt.Err)
			},
		})
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		_, err = c.Generate(ctx, "Request 1", client.GenerateOptions{Model: "demo-8b"})
		return err
	})
	// Output: level=INFO msg="llm attempt" number=1 status=200 err=<nil>
}

// withoutTime leaves out what differs from run to run.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "took" {
		return slog.Attr{}
	}
	return a
}

//guide:middleware

// tracing adds a header to each attempt.
type tracing struct{ next http.RoundTripper }

func (t tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Trace", "on")
	return t.next.RoundTrip(r)
}

//guide:end

func ExampleConfig_middleware() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:middleware-use
		c, err := client.New(ctx, endpoint, client.Config{
			Middleware: func(next http.RoundTripper) http.RoundTripper { return tracing{next} },
		})
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		g, err := c.Generate(ctx, "Request 1", client.GenerateOptions{})
		if err != nil {
			return err
		}
		fmt.Println(g.Text)
		return nil
	})
	// Output: In short: Request 1
}

func ExampleClient_Warm() {
	demo(func(ctx context.Context, endpoint string) error {
		//guide:lazy
		c, err := client.New(ctx, endpoint, client.Config{LazyInit: true})
		if err != nil {
			return err
		}
		defer c.Close()
		//guide:end
		before := c.HealthCheck(ctx).Open // the probe's own
		if err := c.Warm(ctx); err != nil {
			return err
		}
		fmt.Println(before, "then", c.HealthCheck(ctx).Open)
		return nil
	})
	// Output: 1 then 10
}
