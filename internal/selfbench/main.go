//go:build linux

// Command selfbench measures the bundled mock server: how late it writes its
// tokens, what a stream costs it in CPU and in memory. The server runs on one
// core, the reader, which does no more than read, on the others. The same load by
// a server that only writes tells how much of it is the kernel's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var l load
	binary := flag.String("llmload", "bin/llmload", "`FILE` to run")
	flag.IntVar(&l.streams, "streams", 400, "streams at once")
	flag.DurationVar(&l.itl, "itl", 10*time.Millisecond, "time between the tokens of a stream")
	flag.DurationVar(&l.length, "for", 8*time.Second, "length of each stream")
	flag.DurationVar(&l.spread, "spread", time.Second, "time over which the streams start")
	profile := flag.String("cpuprofile", "", "write the server's CPU profile to `FILE`")
	reader := flag.Bool("reader", false, "measure llmload run, reading the streams of a server that only writes")
	asBare := flag.Bool("bare", false, "be the server that only writes, for the program itself")
	asEvents := flag.Bool("events", false, "be the server of -reader, for the program itself")
	asClient := flag.String("client", "", "be the client package alone and read from `URL`, for the program itself")
	asEpoll := flag.String("epoll", "", "be a loop around epoll and read from `ADDR`, for the program itself")
	flag.Parse()
	run := func() error { return measure(ctx, *binary, *profile, l) }
	switch {
	case *asBare:
		run = func() error { return bare(l) }
	case *asEvents:
		run = func() error { return events(l) }
	case *asClient != "":
		run = func() error { return clientOnly(ctx, *asClient, l) }
	case *asEpoll != "":
		run = func() error { return epollReader(ctx, *asEpoll, l) }
	case *reader:
		run = func() error { return measureReader(ctx, *binary, l) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "selfbench:", err)
		os.Exit(1)
	}
}
