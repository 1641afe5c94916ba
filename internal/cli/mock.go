package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
)

func mockCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "mock", Usage: "run the bundled mock server alone", ArgsUsage: " ",
		Description: example(
			"llmload mock                                   a free port on 127.0.0.1, fixed 200 ms and 20 ms",
			"llmload mock --addr 127.0.0.1:8000 --config mock.yaml",
			"llmload mock --simulate chat.yaml              what a run against its mock would measure, in virtual time",
			"llmload mock --preset-from RUN                 an engine like the server that `llmload run sweep` measured",
			"llmload mock --list-faults                     what it can do wrong, and what a good client makes of it",
		) + "\n\nIts first two lines on stdout are `listening on http://ADDR` and `admin on http://ADDR`. Ctrl-C ends it.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Value: "127.0.0.1:0", Usage: "`HOST:PORT` to listen on; port 0 takes a free one"},
			&cli.StringFlag{Name: "admin", Value: "127.0.0.1:0", Usage: "`HOST:PORT` of the admin endpoints, on loopback: they ask for no key"},
			&cli.StringFlag{Name: "config", Usage: "YAML `FILE`; what it may hold is in docs/mock.md"},
			&cli.StringFlag{Name: "preset-from", Usage: "the engine that fits the sweep in the run folder `RUN`, instead of that of the config"},
			&cli.StringFlag{Name: "simulate", Usage: "serve nothing: replay `SCENARIO` in virtual time and print what a run would measure"},
			&cli.BoolFlag{Name: "json", Usage: "with --simulate: print the summary as JSON on stdout, and nothing else there"},
			&cli.BoolFlag{Name: "list-presets", Usage: "print the presets of engines with their sources, and end"},
			&cli.StringFlag{Name: "truth", Usage: "append the truth ledger to this JSONL `FILE`"},
			&cli.BoolFlag{Name: "list-faults", Usage: "print the catalogue of faults, and end"},
			&cli.BoolFlag{Name: "while-stdin", Usage: "end when standard input closes, and leave Ctrl-C to the parent"},
		},
		Action: func(c *cli.Context) error {
			if err := onlyArgs(c, 0); err != nil {
				return err
			}
			lists := c.Bool("list-presets") || c.Bool("list-faults")
			switch {
			case c.Bool("list-presets") && c.Bool("list-faults"):
				return usage("--list-presets and --list-faults each print alone: leave one")
			case lists && c.Bool("json"):
				return usage("--json goes with --simulate, not with a list")
			case c.Bool("list-presets"):
				return listPresets(sys.Out)
			case c.Bool("list-faults"):
				return listFaults(sys)
			case c.IsSet("simulate"):
				return simulateScenario(c, sys)
			case c.Bool("json"):
				return usage("--json goes with --simulate")
			}
			return runMock(c, sys)
		},
	}
}

// runMock serves until it is told to end.
func runMock(c *cli.Context, sys IO) error {
	if err := loopback(c.String("admin")); err != nil {
		return err
	}
	cfg, err := mockConfig(sys, c.String("config"))
	if err != nil {
		return err
	}
	if err := presetFrom(c, sys, &cfg); err != nil {
		return err
	}
	if t := c.String("truth"); t != "" {
		cfg.Truth.File = t
	}
	cfg.KernelTimers = true
	ctx := c.Context
	if c.Bool("while-stdin") {
		signal.Ignore(os.Interrupt)
		ctx = untilClosed(sys.In)
	}
	return serveMock(ctx, sys, cfg, c.String("addr"), c.String("admin"))
}

// loopback refuses an admin address that other hosts could reach. One that is no address at all is left to the listener.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if ip, bad := netip.ParseAddr(host); err != nil || host == "localhost" || bad == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return usage("--admin %s: other hosts could steer the server, which asks for no key there; write 127.0.0.1:PORT, or [::1]:PORT", addr)
}

func mockConfig(sys IO, file string) (mockserver.Config, error) {
	if file == "" {
		return mockserver.Config{}, nil
	}
	src, err := strictyaml.ReadFile(file)
	if err != nil {
		return mockserver.Config{}, usage("cannot read mock config: %v", err)
	}
	node, err := strictyaml.Parse(file, src, sys.LookupEnv)
	if err != nil {
		return mockserver.Config{}, asUsage(err)
	}
	cfg, err := mockserver.ParseConfig(node)
	return cfg, asUsage(err)
}

// untilClosed ends when the reader does: a parent that dies closes it, however it dies.
func untilClosed(in io.Reader) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, in) // any end, error or not, is the end
		cancel()
	}()
	return ctx
}

func serveMock(ctx context.Context, sys IO, cfg mockserver.Config, addr, admin string) error {
	server, err := mockserver.New(cfg)
	if err != nil {
		return asUsage(err)
	}
	var lc net.ListenConfig
	main, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return errors.Join(fmt.Errorf("mock cannot listen: %w; choose another --addr", err), server.Close())
	}
	side, err := lc.Listen(ctx, "tcp", admin)
	if err != nil {
		return errors.Join(fmt.Errorf("mock cannot listen: %w; choose another --admin", err), main.Close(), server.Close())
	}
	if _, err := fmt.Fprintf(sys.Out, "listening on http://%s\nadmin on http://%s\n", main.Addr(), side.Addr()); err != nil {
		return errors.Join(fmt.Errorf("mock cannot say where it listens: %w", err), main.Close(), side.Close(), server.Close())
	}
	main = server.Listen(main)
	errs := make(chan error, 2)
	public := server.HTTPServer()
	private := &http.Server{Handler: server.Admin(), ReadHeaderTimeout: 30 * time.Second}
	go func() { errs <- public.Serve(main) }()
	go func() { errs <- private.Serve(side) }()
	select {
	case err = <-errs:
	case <-ctx.Done():
		err = nil
	}
	err = errors.Join(err, server.Close(), public.Close())
	// Who follows the ledger gets its end. One who does not read is not waited for.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if private.Shutdown(last) != nil {
		err = errors.Join(err, private.Close())
	}
	if err == nil {
		return nil
	}
	return &exitError{exitRun, err} // being told to end explains no error
}
