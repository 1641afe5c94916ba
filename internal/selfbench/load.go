//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A load is streams that all run at once for most of their time.
type load struct {
	streams int
	itl     time.Duration
	length  time.Duration
	spread  time.Duration
}

func (l load) tokens() int { return int(l.length / l.itl) }

// measure runs a load against a server and prints what it cost.
func measure(ctx context.Context, binary, profile string, l load) error {
	if l.spread >= l.length {
		return errors.New("streams must be longer than the time over which they start")
	}
	config, err := l.config()
	if err != nil {
		return err
	}
	defer os.Remove(config)
	share, err := shareCores()
	if err != nil {
		return err
	}
	s, err := share.start(binary, "mock", "--while-stdin", "--config", config)
	if err != nil {
		return err
	}
	err = l.run(ctx, s, profile)
	if err := errors.Join(err, s.stop()); err != nil {
		return err
	}
	least, err := share.floor(l)
	if err != nil {
		return err
	}
	fmt.Printf("  of which %.1f us are the kernel's: a server that only writes takes them too\n", float64(least.Nanoseconds())/1000)
	return nil
}

func (l load) config() (string, error) {
	f, err := os.CreateTemp("", "selfbench-*.yaml")
	if err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(f, "models: [{id: m, max_model_len: 1000000}]\nengine: {model: fixed, ttft: %s, itl: %s, max_num_seqs: %d}\n", l.itl, l.itl, l.streams)
	return f.Name(), errors.Join(err, f.Close())
}

// run measures from the last stream's start to the first one's end.
func (l load) run(ctx context.Context, s *server, profile string) error {
	ctx, cancel := context.WithTimeout(ctx, l.spread+l.length+30*time.Second)
	defer cancel()
	idle, err := s.cost()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	fails := make(chan error, l.streams)
	for i := range l.streams {
		wg.Go(func() {
			if err := l.stream(ctx, s.addr, time.Duration(i)*l.spread/time.Duration(l.streams)); err != nil {
				fails <- err
			}
		})
	}
	if err := sleep(ctx, l.spread+(l.length-l.spread)/10); err != nil {
		return err
	}
	steady := (l.length - l.spread) * 8 / 10
	if err := s.begin(); err != nil {
		return err
	}
	before, err := s.cost()
	if err != nil {
		return err
	}
	wait := func() error { return sleep(ctx, steady) }
	if profile != "" {
		wait = func() error { return s.profile(profile, steady) }
	}
	if err := wait(); err != nil {
		return err
	}
	after, err := s.cost()
	if err != nil {
		return err
	}
	st, err := s.state()
	if err != nil {
		return err
	}
	l.print(st, idle, before, after, steady)
	wg.Wait()
	close(fails)
	n := 0
	var first error
	for err := range fails {
		first = err
		n++
	}
	if n > 0 {
		return fmt.Errorf("%d of %d streams failed; one of them: %w", n, l.streams, first)
	}
	return nil
}

func (l load) print(st state, idle, before, after cost, steady time.Duration) {
	events := float64(st.Lateness.Tokens)
	cpu := after.cpu - before.cpu
	fmt.Printf("%d streams, a token every %s, one core: lateness p50 %.2f p99 %.2f max %.2f ms (%d tokens, %.0f/s); CPU %.0f%%, %.1f us a token; %.1f KB a stream\n",
		l.streams, l.itl, st.Lateness.P50MS, st.Lateness.P99MS, st.Lateness.MaxMS, st.Lateness.Tokens, events/steady.Seconds(),
		100*cpu.Seconds()/steady.Seconds(), float64(cpu.Microseconds())/events, float64(after.rss-idle.rss)/1024/float64(l.streams))
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// stream asks for one answer and reads it to its end.
func (l load) stream(ctx context.Context, addr string, delay time.Duration) error {
	if err := sleep(ctx, delay); err != nil {
		return err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	body := fmt.Sprintf(`{"model":"m","stream":true,"max_tokens":%d,"messages":[{"role":"user","content":"one two three"}]}`, l.tokens())
	if _, err := fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", addr, len(body), body); err != nil {
		return err
	}
	n, err := io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{conn}, make([]byte, 4<<10))
	if err == nil && n < int64(l.tokens()) {
		err = fmt.Errorf("an answer of %d bytes", n)
	}
	return err
}

// These hide the shortcuts by which io.CopyBuffer would not use its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
