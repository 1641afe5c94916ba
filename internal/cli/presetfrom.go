package cli

import (
	"fmt"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/mockserver"
)

// presetFrom gives a mock the engine that fits a sweep. Its KV memory is not limited, because no sweep tells it.
func presetFrom(c *cli.Context, sys IO, cfg *mockserver.Config) error {
	if !c.IsSet("preset-from") {
		return nil
	}
	fit, err := fitOf(c.String("preset-from"))
	if err != nil {
		return err
	}
	for _, why := range fit.Warnings {
		fmt.Fprintf(sys.Err, "llmload: %s\n", why)
	}
	whole := func(ns float64) time.Duration { return time.Duration(math.Round(ns)) }
	cfg.Engine = mockserver.Engine{
		Model: "step", C0: whole(fit.C0), PrefillPerToken: whole(fit.Prefill), DecodePerSeq: whole(fit.Decode), KVPerToken: whole(fit.KV),
		MaxNumSeqs: fit.Slots,
	}
	limit := "max_num_seqs: 64, which the sweep did not reach"
	if fit.Slots > 0 {
		limit = fmt.Sprintf("max_num_seqs: %d", fit.Slots)
	}
	e := cfg.Engine
	fmt.Fprintf(sys.Err, "engine: {model: step, c0: %s, prefill_per_token: %s, decode_per_seq: %s, kv_per_token: %s, %s}\n",
		e.C0, e.PrefillPerToken, e.DecodePerSeq, e.KVPerToken, limit)
	return nil
}
