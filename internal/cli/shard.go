package cli

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// exitLate is the code of a shard that came too late for the agreed start.
const exitLate = 4

// shardFlags are what makes a run one machine's part of a larger one.
func shardFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "shard", Usage: "send part `I/N` of the load, from 0/N to N-1/N; else what SLURM_PROCID and SLURM_NTASKS, or JOB_COMPLETION_INDEX and LLMLOAD_SHARDS say"},
		&cli.StringFlag{Name: "start-at", Usage: "begin at this `TIME`, the same for all shards: RFC 3339, or seconds since 1970; +10s is from now, for one machine"},
		&cli.StringFlag{Name: "rendezvous", Usage: "agree on the start through this empty `DIR`, which all shards see"},
		&cli.DurationFlag{Name: "wait", Value: 10 * time.Minute, Usage: "how long the other shards may take to come to the rendezvous"},
		&cli.DurationFlag{Name: "lead", Value: 10 * time.Second, Usage: "how long after all have come to the rendezvous the load begins"},
	}
}

// barrier is a run's part and start, as its command line says; the zero value is a whole run that begins at once.
type barrier struct {
	shard      scenarios.Shard
	start      time.Time // zero: at once, or what the rendezvous says
	rendezvous string
	wait, lead time.Duration
}

// sharded reports whether others send parts of the same load.
func (b *barrier) sharded() bool { return b.shard.Count > 1 }

// barrierOf reads the flags and, for the shard, the environment of a job engine.
func barrierOf(sys IO, c *cli.Context, now time.Time) (b barrier, err error) {
	b = barrier{rendezvous: c.String("rendezvous"), wait: c.Duration("wait"), lead: c.Duration("lead")}
	shard, from := c.String("shard"), "--shard"
	if shard == "" {
		shard, from = engineShard(sys)
	}
	if b.shard, err = parseShard(from, shard); err != nil {
		return b, err
	}
	at := c.String("start-at")
	switch {
	case at != "" && b.rendezvous != "":
		return b, usage("--start-at and --rendezvous both say when to begin: leave one")
	case b.sharded() && at == "" && b.rendezvous == "":
		return b, usage("%s says that this is shard %d of %d: all shards need the same --start-at, such as --start-at %d, or a --rendezvous; for the whole load on this machine write --shard 0/1",
			from, b.shard.Index, b.shard.Count, now.Add(time.Minute).Unix())
	case at == "":
		return b, nil
	}
	if b.start, err = parseStart(at, now); err == nil && b.sharded() && strings.HasPrefix(at, "+") {
		fmt.Fprintf(sys.Err, "llmload: --start-at %s is another moment for each shard, and `llmload merge` takes only shards with one start; write --start-at %d for all\n", at, b.start.Unix()+1)
	}
	return b, err
}

// engines are the variables that hold a task's number and the number of tasks. Kubernetes does not tell the second.
var engines = [][2]string{{"SLURM_PROCID", "SLURM_NTASKS"}, {"JOB_COMPLETION_INDEX", "LLMLOAD_SHARDS"}}

// engineShard is the part that a job engine's environment gives this process, and where it says so.
func engineShard(sys IO) (shard, from string) {
	for _, names := range engines {
		index, ok := sys.LookupEnv(names[0])
		count, both := sys.LookupEnv(names[1])
		if ok && both && index != "" && count != "" && count != "1" { // an empty variable is none
			return index + "/" + count, names[0] + "/" + names[1]
		}
	}
	return "", ""
}

func parseShard(from, text string) (sh scenarios.Shard, err error) {
	if text == "" {
		return scenarios.Shard{Count: 1}, nil
	}
	index, count, _ := strings.Cut(text, "/")
	if sh.Index, err = strconv.Atoi(index); err == nil {
		sh.Count, err = strconv.Atoi(count)
	}
	if err != nil {
		return sh, usage("%s %q: write I/N, such as 0/4 for the first of four", from, text)
	}
	if err := sh.Check(); err != nil {
		return sh, usage("%s: %v", from, err)
	}
	return sh, nil
}

// maxAhead is how far ahead a start may lie; beyond it, milliseconds were written for seconds.
const maxAhead = 7 * 24 * time.Hour

// parseStart reads +10s, an RFC 3339 time, or seconds since 1970.
func parseStart(text string, now time.Time) (at time.Time, err error) {
	const forms = "write +10s, 2006-01-02T15:04:05Z, or seconds since 1970"
	if after, ok := strings.CutPrefix(text, "+"); ok {
		d, err := time.ParseDuration(after)
		if err != nil || d < 0 {
			return at, usage("--start-at %q: %s", text, forms)
		}
		at = now.Add(d)
	} else if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e15 {
		whole := int64(seconds)
		at = time.Unix(whole, int64((seconds-float64(whole))*1e9))
	} else if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return at, usage("--start-at %q: %s", text, forms)
	}
	if at.Sub(now) > maxAhead {
		return at, usage("--start-at %q is more than a week ahead: %s", text, forms)
	}
	return at, nil
}

// prepare takes the plan's part for the shard and the place of its folder.
func (e *execution) prepare() (err error) {
	e.part = e.plan
	e.out = strings.ReplaceAll(e.out, "{shard}", strconv.Itoa(e.barrier.shard.Index))
	if !e.barrier.sharded() {
		return nil
	}
	if e.plan.Target.Endpoint == "" {
		return usage("the shards of a run load one server, and each would start a mock of its own: name the server with --endpoint, such as that of `llmload mock --addr`")
	}
	e.part, err = e.plan.Shard(e.barrier.shard)
	return asUsage(err)
}

// agree settles when the run begins, and what of it the shards must have in common. It says what is waited for.
func (e *execution) agree(ctx context.Context, hash string) (err error) {
	b := &e.barrier
	if b.rendezvous != "" {
		fmt.Fprintf(e.sys.Err, "llmload: shard %d of %d is at the rendezvous %s and waits up to %s for the others\n", b.shard.Index, b.shard.Count, b.rendezvous, b.wait)
		if b.start, err = meet(ctx, b); err != nil {
			return err
		}
	}
	if ahead := time.Until(b.start); ahead > time.Second {
		fmt.Fprintf(e.sys.Err, "llmload: the load begins at %s, in %s\n", b.start.UTC().Format(time.RFC3339), ahead.Round(time.Second))
	}
	if b.sharded() { // one run's prompts: cold to the server, and without a head that two of them share
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", hash, b.start.UnixNano()))
		e.nonce = binary.BigEndian.Uint64(sum[:])
	}
	return nil
}

// begins is the run's start on this process's monotonic clock.
func (b *barrier) begins() time.Time {
	now := time.Now()
	if b.start.IsZero() {
		return now
	}
	return now.Add(b.start.Round(0).Sub(now.Round(0)))
}

// facts are what a shard's folder says of its part and its clock; nil of a whole run that began at once.
func (b *barrier) facts() *results.Shard {
	if !b.sharded() && b.start.IsZero() {
		return nil
	}
	s := &results.Shard{Index: b.shard.Index, Count: b.shard.Count, StartAt: b.start.UTC()}
	s.ClockOffsetMS, s.ClockErrorMS = clockError()
	return s
}

// late ends a run that came too late for its start: nothing is sent, and the folder says why.
func (e *execution) late(s *results.Summary, begins time.Time) error {
	by := time.Since(begins)
	if e.barrier.start.IsZero() || by <= 0 {
		return nil
	}
	why := fmt.Sprintf("too late for the agreed start by %s", by.Round(time.Millisecond))
	s.Valid, s.InvalidReasons, s.Stages = false, []string{why}, nil
	s.Run.FinishedAt, s.Run.Shard.LateMS, s.Conservation.Holds = time.Now().UTC(), float64(by)/1e6, true // nothing of nothing
	return &exitError{exitLate, fmt.Errorf("%s; nothing was sent: give the shards more time to start", why)}
}
