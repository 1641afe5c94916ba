package cli_test

import (
	"testing"
	"time"

	"github.com/llmload/llmload/internal/cli"
	"github.com/llmload/llmload/scenarios"
)

// With a nonce of its own, a shard's prompts would not be those of the one machine's run: their shared heads would be as many as shards.
// With the same one each time, a run would find the last one's prompts in the server's cache.
func TestShardsAgreeOnTheNonce(t *testing.T) {
	start := time.Unix(1795675118, 0)
	nonce := func(own uint64, hash string, i, n int, start time.Time) uint64 {
		t.Helper()
		v, err := cli.AgreedNonce(t.Context(), own, hash, scenarios.Shard{Index: i, Count: n}, start)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := nonce(1, "abc", 0, 4, start)
	if others := nonce(2, "abc", 3, 4, start.UTC()); others != first {
		t.Errorf("shard 3 has %d, shard 0 %d", others, first)
	}
	if again := nonce(1, "abc", 0, 4, start.Add(time.Second)); again == first {
		t.Error("a run at another time has the same nonce")
	}
	if other := nonce(1, "def", 0, 4, start); other == first {
		t.Error("another plan has the same nonce")
	}
	if alone := nonce(7, "abc", 0, 1, start); alone != 7 {
		t.Errorf("a whole run has %d, not its own", alone)
	}
}
