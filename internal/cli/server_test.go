//go:build unix

package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// mock NAME [FLAG...]: starts `llmload mock`, and sets $NAME and $NAME_admin to its addresses, $NAME_host to the
// first without its scheme.
func mock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: mock NAME [FLAG...]")
	}
	// The pipe stays open as long as the script: the mock ends with it even if nobody kills it.
	r, w, err := os.Pipe()
	ts.Check(err)
	ts.Defer(func() { w.Close() })
	launch(ts, args[0], r, append([]string{"llmload", "mock", "--while-stdin"}, args[1:]...))
	r.Close()
	file := args[0] + ".out"
	awaits(ts, false, []string{file, `listening on .*\nadmin on .*\n`})
	lines := strings.Split(ts.ReadFile(file), "\n")
	ts.Setenv(args[0], strings.TrimPrefix(lines[0], "listening on "))
	ts.Setenv(args[0]+"_host", strings.TrimPrefix(lines[0], "listening on http://"))
	ts.Setenv(args[0]+"_admin", strings.TrimPrefix(lines[1], "admin on "))
}

// serve NAME KIND: starts a server that misbehaves, and sets $NAME to its address. Its first request makes NAME.asked.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || misbehave[args[1]] == nil {
		ts.Fatalf("usage: serve NAME KIND, with a KIND of server_test.go")
	}
	asked := ts.MkAbs(args[0] + ".asked")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile(asked, nil, 0o666); err != nil {
			w.WriteHeader(http.StatusTeapot) // a script that awaits the file says what is wrong
		}
		misbehave[args[1]](w, r)
	}))
	ts.Defer(func() { s.CloseClientConnections(); s.Close() })
	ts.Setenv(args[0], s.URL)
}

// misbehave is servers as users meet them.
var misbehave = map[string]http.HandlerFunc{
	"garbage": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "\x00\x01 not JSON {{{") },
	"html": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html><body>It works!</body></html>")
	},
	"notfound": http.NotFound,
	"nomodels": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"object":"list","data":[]}`)
	},
	"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	// echo answers with whatever secrets it was sent, as a careless gateway does.
	"echo": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error":{"message":"bad key %s for %s and %s"}}`, r.Header.Get("Authorization"), r.Header.Get("X-Tenant"), r.URL)
	},
}

// answers URL FIELD VALUE: waits until the JSON document at the URL has this value in this field.
func answers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: answers URL FIELD VALUE")
	}
	c := http.Client{Timeout: waitLimit}
	until(ts, strings.Join(args, " "), func() bool {
		resp, err := c.Get(args[0])
		ts.Check(err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		ts.Check(err)
		var doc any
		ts.Check(json.Unmarshal(text, &doc))
		return show(field(ts, doc, args[1])) == args[2]
	})
}

// refused URL: waits until nothing listens there any more.
func refused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: refused URL")
	}
	u, err := url.Parse(args[0])
	ts.Check(err)
	until(ts, args[0]+" to be gone", func() bool {
		conn, err := net.DialTimeout("tcp", u.Host, time.Second)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}
