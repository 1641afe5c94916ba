package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// How shards agree on a start through a folder that all of them see, where no engine starts them at once. Each leaves a file
// there; who finds the files of all writes the time to begin, a lead from then by its own clock. A file that exists is never written
// again, so that there is one start, and a folder serves one run.
const startFile = "start"

// lookEvery is how often the folder is looked at; file systems of a network tell of new files late anyway.
const lookEvery = 100 * time.Millisecond

// meet waits for the other shards and returns the start.
func meet(ctx context.Context, b *barrier) (time.Time, error) {
	if err := os.MkdirAll(b.rendezvous, 0o755); err != nil {
		return time.Time{}, fmt.Errorf("rendezvous: %w", err)
	}
	err := create(filepath.Join(b.rendezvous, readyName(b, b.shard.Index)), time.Now().UTC().Format(time.RFC3339Nano))
	if errors.Is(err, fs.ErrExist) {
		return time.Time{}, usage("shard %d has been at the rendezvous %s before: each run needs a folder of its own", b.shard.Index, b.rendezvous)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("rendezvous: %w", err)
	}
	limit := time.NewTimer(b.wait)
	defer limit.Stop()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		at, err := look(b)
		if err != nil || !at.IsZero() {
			return at, err
		}
		select {
		case <-tick.C:
		case <-limit.C:
			return at, &exitError{exitLate, fmt.Errorf("%s within %s; nothing was sent", inVain(b), b.wait)}
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
}

// inVain says what a shard waited for.
func inVain(b *barrier) string {
	if who := absent(b); len(who) > 0 {
		return fmt.Sprintf("shards %s of %d have not come to the rendezvous %s", strings.Join(who, ", "), b.shard.Count, b.rendezvous)
	}
	return fmt.Sprintf("all shards came to the rendezvous, but none wrote the start whole into %s", filepath.Join(b.rendezvous, startFile))
}

// look returns the start that was written, and writes it where all have come; zero: not yet.
func look(b *barrier) (time.Time, error) {
	name := filepath.Join(b.rendezvous, startFile)
	if text, err := os.ReadFile(name); err == nil && strings.HasSuffix(string(text), "\n") { // else it is being written
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
		if err != nil {
			return at, fmt.Errorf("%s holds no time: %w", name, err)
		}
		return at, nil
	}
	if len(absent(b)) > 0 {
		return time.Time{}, nil
	}
	err := create(name, time.Now().Add(b.lead).UTC().Format(time.RFC3339Nano))
	if err != nil && !errors.Is(err, fs.ErrExist) { // another was first
		return time.Time{}, fmt.Errorf("rendezvous: %w", err)
	}
	return time.Time{}, nil
}

func readyName(b *barrier, index int) string {
	return fmt.Sprintf("shard-%d-of-%d", index, b.shard.Count)
}

// absent are the shards that have not come yet.
func absent(b *barrier) (out []string) {
	for i := range b.shard.Count {
		if _, err := os.Stat(filepath.Join(b.rendezvous, readyName(b, i))); err != nil {
			out = append(out, strconv.Itoa(i))
		}
	}
	return out
}

// create writes a file that must not exist, one line that is whole when its end is there.
func create(name, line string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}
