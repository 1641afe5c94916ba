package compat_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
)

// quick makes tokens apart in time, so that streams are streams, and soon.
const quick = "engine: {model: fixed, ttft: 1ms, itl: 1ms}\n"

const model = "demo-8b" // the mock's own default

// serve starts a mock with a config as people write it.
func serve(t *testing.T, yaml string) (url string, mock *mockserver.Server) {
	t.Helper()
	node, err := strictyaml.Parse("mock.yaml", []byte(quick+yaml), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := mockserver.ParseConfig(node)
	if err != nil {
		t.Fatal(err)
	}
	if mock, err = mockserver.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mock.Close() })
	server := httptest.NewServer(mock)
	t.Cleanup(server.Close)
	return server.URL + "/v1", mock
}

// bounded ends a test that hangs.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eachClient runs a test with every client, against a mock of its own.
func eachClient(t *testing.T, yaml string, test func(*testing.T, client)) {
	t.Helper()
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			url, _ := serve(t, yaml)
			test(t, connect(url, "any key"))
		})
	}
}

// eachWay runs a test with every client, in one piece and streamed.
func eachWay(t *testing.T, yaml string, test func(*testing.T, client, way)) {
	t.Helper()
	eachClient(t, yaml, func(t *testing.T, c client) {
		t.Run("plain", func(t *testing.T) { test(t, c, c.ask) })
		t.Run("streamed", func(t *testing.T) { test(t, c, c.stream) })
	})
}

// must asks what is to be answered.
func must(t *testing.T, ask way, q question) answer {
	t.Helper()
	a, err := ask(bounded(t), q)
	if err != nil {
		t.Fatalf("%v: %s", err, raw(err))
	}
	return a
}
