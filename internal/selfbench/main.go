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
	asBare := flag.Bool("bare", false, "be the server that only writes, for the program itself")
	flag.Parse()
	run := func() error { return measure(ctx, *binary, *profile, l) }
	if *asBare {
		run = func() error { return bare(l) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "selfbench:", err)
		os.Exit(1)
	}
}
