package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// startLimit bounds how long the mock may take to say where it listens.
const startLimit = 20 * time.Second

// realTarget is a server that llmload did not start: it has no faults to switch and tells no count.
type realTarget string

func (t realTarget) Endpoint() string                                 { return string(t) }
func (realTarget) BeginStage(context.Context, *scenarios.Stage) error { return nil }
func (realTarget) Seen(context.Context) (runner.Seen, error)          { return runner.Seen{}, nil }

// mockTarget is the bundled mock as a child process. A process of its own, because a server that shares the client's
// runtime would share its pauses too.
type mockTarget struct {
	cmd             *exec.Cmd
	stdin           io.Closer
	endpoint, admin string
	before          int64 // attempts that the server had seen when the run began
	http            http.Client
}

// startMock starts the child. It ends when its stdin closes, which also happens when this process dies.
func startMock(ctx context.Context, sys IO, config strictyaml.Node) (*mockTarget, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the mock server: %w", err)
	}
	args := []string{os.Args[0], "mock", "--while-stdin"}
	if !config.IsZero() {
		file, err := writeConfig(config)
		if err != nil {
			return nil, fmt.Errorf("start the mock server: %w; TMPDIR may name a folder that can be written", err)
		}
		defer os.Remove(file) // the child has read it when it says where it listens
		args = append(args, "--config", file)
	}
	m := &mockTarget{cmd: &exec.Cmd{Path: self, Args: args, Stderr: sys.Err}, http: http.Client{Timeout: 10 * time.Second}}
	if m.stdin, err = m.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the mock server: %w", err)
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the mock server: %w", err)
	}
	if err := m.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the mock server: %w", err)
	}
	if err := m.await(ctx, out); err != nil {
		m.stop()
		return nil, err
	}
	return m, nil
}

func writeConfig(config strictyaml.Node) (name string, err error) {
	text, err := config.YAML()
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "llmload-mock-*.yaml")
	if err != nil {
		return "", err
	}
	_, err = f.Write(text)
	return f.Name(), errors.Join(err, f.Close())
}

// await reads the child's first two lines.
func (m *mockTarget) await(ctx context.Context, out io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	lines := make(chan []string, 1)
	go func() {
		s := bufio.NewScanner(out)
		var got []string
		for len(got) < 2 && s.Scan() {
			got = append(got, s.Text())
		}
		lines <- got
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case got := <-lines:
		if len(got) < 2 {
			return errors.New("the mock server ended at its start; what it said stands above")
		}
		m.endpoint = strings.TrimPrefix(got[0], "listening on ")
		m.admin = strings.TrimPrefix(got[1], "admin on ")
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the mock server did not say where it listens: %w", ctx.Err())
	}
}

// stop ends the child by closing its stdin, and by force if that does not help.
func (m *mockTarget) stop() {
	m.stdin.Close()
	kill := time.AfterFunc(10*time.Second, func() { m.cmd.Process.Kill() })
	defer kill.Stop()
	_ = m.cmd.Wait() // its exit code changes nothing: the run is over
}

func (m *mockTarget) Endpoint() string { return m.endpoint }

// mark makes Seen count attempts from now.
func (m *mockTarget) mark(ctx context.Context) error {
	seen, err := m.Seen(ctx)
	if err != nil {
		return err
	}
	m.before += *seen.Attempts
	return nil
}

func (m *mockTarget) Seen(ctx context.Context) (runner.Seen, error) {
	var state mockserver.State
	if err := m.call(ctx, http.MethodGet, "/admin/state", nil, &state); err != nil {
		return runner.Seen{}, err
	}
	var seen runner.Seen
	if n := state.Attempts - m.before; state.ConnectFaults == 0 {
		seen.Attempts = &n // else: what was written into a connection that a fault had, the server never saw
	}
	if state.Lateness.Tokens > 0 {
		seen.LateP99MS = &state.Lateness.P99MS
	}
	return seen, nil
}

func (m *mockTarget) BeginStage(ctx context.Context, s *scenarios.Stage) error {
	body := map[string]string{"name": s.Name}
	if s.Faults != nil {
		text, err := s.Faults.YAML()
		if err != nil {
			return err
		}
		body["faults_yaml"] = string(text)
	}
	return m.call(ctx, http.MethodPost, "/admin/stage", body, nil)
}

func (m *mockTarget) call(ctx context.Context, method, path string, in, out any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, m.admin+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	resp, err := m.http.Do(req)
	if err != nil {
		return fmt.Errorf("mock server: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("mock server: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("mock server: %s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
