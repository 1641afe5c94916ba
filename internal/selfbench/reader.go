//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/llmload/llmload/client"
)

// A reading is what it cost to read streams.
type reading struct {
	cpu     time.Duration // an event
	share   float64       // of a core
	perOpen float64       // KB of memory an open stream
}

// measureReader has llmload run, then a program of the client package alone, then a
// loop around epoll read the same streams on one core, and prints what each took.
func measureReader(ctx context.Context, binary string, l load) error {
	dir, err := os.MkdirTemp("", "selfbench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	share, err := shareCores()
	if err != nil {
		return err
	}
	server, err := share.start(append([]string{self, "-events"}, l.flags()...)...)
	if err != nil {
		return err
	}
	defer server.stop()
	scenario := filepath.Join(dir, "scenario.yaml")
	if err := os.WriteFile(scenario, fmt.Appendf(nil, `
name: streams
target: {endpoint: "http://%s/v1"}
model: m
workload: {prompts: {synthetic: {input_tokens: 8}, cache: warm}, output: {tokens: %d}}
load: {open: {rate: %g/s, arrivals: constant, max_in_flight: %d}, duration: %s, warmup: {duration: %s}}
`, server.addr, l.tokens(), l.rate(), 2*l.streams, l.length/2, l.length), 0o600); err != nil {
		return err
	}
	out := filepath.Join(dir, "run")
	whole, err := l.watch(ctx, binary, "run", scenario, "--out", out, "--json")
	if err != nil {
		return err
	}
	alone, err := l.watch(ctx, self, append([]string{"-client", "http://" + server.addr}, l.flags()...)...)
	if err != nil {
		return err
	}
	loop, err := l.watch(ctx, self, append([]string{"-epoll", server.addr}, l.flags()...)...)
	if err != nil {
		return err
	}
	return l.compare(out, whole, alone, loop)
}

func (l load) flags() []string {
	return []string{"-streams", fmt.Sprint(l.streams), "-itl", l.itl.String(), "-for", l.length.String()}
}

// rate keeps so many streams open, in requests a second.
func (l load) rate() float64 { return float64(l.streams) / l.length.Seconds() }

// watch runs a command and measures it while all its streams are open.
func (l load) watch(ctx context.Context, name string, args ...string) (r reading, err error) {
	ctx, cancel := context.WithTimeout(ctx, 4*l.length+time.Minute)
	defer cancel()
	s := &server{cmd: exec.CommandContext(ctx, name, args...)}
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return r, err
	}
	steady := l.length * 3 / 10
	var before, after cost
	for _, step := range []struct {
		wait time.Duration
		into *cost
	}{{l.length * 11 / 10, &before}, {steady, &after}} {
		if err := sleep(ctx, step.wait); err != nil {
			return r, errors.Join(err, s.cmd.Wait())
		}
		if *step.into, err = s.cost(); err != nil {
			return r, errors.Join(err, s.cmd.Wait())
		}
	}
	if err := s.cmd.Wait(); err != nil && s.cmd.ProcessState.ExitCode() != 3 { // an invalid run is told by its summary
		return r, err
	}
	cpu := after.cpu - before.cpu
	return reading{
		cpu:     time.Duration(float64(cpu) / (float64(l.streams) * float64(steady) / float64(l.itl))),
		share:   cpu.Seconds() / steady.Seconds(),
		perOpen: float64(after.rss) / 1024 / float64(l.streams),
	}, nil
}

func (l load) compare(run string, whole, alone, loop reading) error {
	text, err := os.ReadFile(filepath.Join(run, "summary.json"))
	if err != nil {
		return err
	}
	var summary struct {
		Valid   bool     `json:"valid"`
		Reasons []string `json:"invalid_reasons"`
		Stages  []struct {
			Instrument struct {
				P50    float64 `json:"kernel_to_read_p50_ms"`
				P99    float64 `json:"kernel_to_read_p99_ms"`
				Merged float64 `json:"multi_event_reads"`
			} `json:"instrument"`
		} `json:"stages"`
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return err
	}
	in := summary.Stages[0].Instrument
	fmt.Printf("%d streams, an event every %s, llmload on one core: kernel to stamp p50 %.3f p99 %.2f ms, %.1f%% merged reads; CPU %.0f%%, %.1f us an event; %.0f KB a stream\n",
		l.streams, l.itl, in.P50, in.P99, 100*in.Merged, 100*whole.share, float64(whole.cpu.Nanoseconds())/1000, whole.perOpen)
	for _, why := range summary.Reasons {
		fmt.Println("  invalid:", why)
	}
	fmt.Printf("  the client package alone: CPU %.0f%%, %.1f us an event; %.0f KB a stream. The whole tool is %.2f times that\n",
		100*alone.share, float64(alone.cpu.Nanoseconds())/1000, alone.perOpen, float64(whole.cpu)/float64(alone.cpu))
	fmt.Printf("  a loop around epoll that only reads and stamps: CPU %.0f%%, %.1f us an event; %.0f KB a stream\n",
		100*loop.share, float64(loop.cpu.Nanoseconds())/1000, loop.perOpen)
	return nil
}

// clientOnly reads the same streams with the client package and nothing around it.
func clientOnly(ctx context.Context, endpoint string, l load) error {
	c, err := client.New(ctx, endpoint, client.Config{
		RateLimit: client.Off, MaxConcurrent: client.Off, Timeout: client.Off, PoolSize: 2 * l.streams, LazyInit: true,
	})
	if err != nil {
		return err
	}
	defer c.Close()
	r := client.Request{Model: "m", Messages: []client.Message{{Role: "user", Content: "one two three four five six seven eight"}}, MaxTokens: l.tokens(), Stream: true}
	var wg sync.WaitGroup
	fails := make(chan error, 1)
	gap := time.Duration(float64(time.Second) / l.rate())
	start := time.Now()
	for i := range int(1.5 * float64(l.streams)) {
		time.Sleep(time.Until(start.Add(time.Duration(i) * gap)))
		wg.Go(func() {
			if _, err := c.Chat(ctx, r); err != nil {
				select {
				case fails <- err:
				default:
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-fails:
		return err
	default:
		return nil
	}
}
