package runner_test

import (
	"slices"
	"testing"

	"github.com/llmload/llmload/scenarios/runner"
)

func TestAStampIsHeldAgainstTheReadThatBroughtItsBytes(t *testing.T) {
	for _, row := range []struct {
		sentence string
		reads    []runner.SocketRead
		stamps   []int64
		want     []int64
	}{
		{
			"each arrival has a read of its own: the read's lag, and what passed from there to the stamp",
			[]runner.SocketRead{{At: 100, Lag: 7}, {At: 200, Lag: 8}},
			[]int64{103, 204},
			[]int64{10, 12},
		},
		{
			"headers and a comment came in reads of their own: the last read before a stamp counts",
			[]runner.SocketRead{{At: 50, Lag: 1}, {At: 90, Lag: 2}, {At: 100, Lag: 7}},
			[]int64{103},
			[]int64{10},
		},
		{
			"one read brought more than one stamp",
			[]runner.SocketRead{{At: 100, Lag: 7}},
			[]int64{103, 105},
			[]int64{10, 12},
		},
		{
			"a read at the very moment of the stamp brought it",
			[]runner.SocketRead{{At: 100, Lag: 7}},
			[]int64{100},
			[]int64{7},
		},
		{
			"where the kernel gave no stamp, the lag is not known, and the read before does not stand in",
			[]runner.SocketRead{{At: 100, Lag: 7}, {At: 200, Lag: -1}},
			[]int64{103, 204},
			[]int64{10, -1},
		},
		{
			"a stamp before the first read is of bytes that nobody saw come",
			[]runner.SocketRead{{At: 100, Lag: 7}},
			[]int64{99, 101},
			[]int64{-1, 8},
		},
		{"without reads there is nothing to hold against", nil, []int64{1, 2}, nil},
		{"without stamps neither", []runner.SocketRead{{At: 1}}, nil, nil},
	} {
		if got := runner.KernelLags(row.reads, row.stamps); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.sentence, got, row.want)
		}
	}
}

func TestAStepOfTheRealtimeClockIsSeen(t *testing.T) {
	const ms, second = int64(1e6), int64(1e9)
	for _, row := range []struct {
		sentence string
		readings [][2]int64 // realtime, monotonic
		want     []int64
	}{
		{"clocks that go together", [][2]int64{{50 * second, 0}, {51 * second, second}}, []int64{0, 0}},
		{"the first look has nothing to compare with", [][2]int64{{50 * second, 0}}, []int64{0}},
		{"a step forwards", [][2]int64{{50 * second, 0}, {52*second + 10*ms, 10 * ms}}, []int64{0, 2 * second}},
		{"a step back, and none after it", [][2]int64{{50 * second, 0}, {49*second + 10*ms, 10 * ms}, {49*second + 20*ms, 20 * ms}}, []int64{0, -second, 0}},
		{"slewing at chrony's most, 8.3%, is none", [][2]int64{{50 * second, 0}, {51*second + 83*ms, second}}, []int64{0, 0}},
		{"readings some microseconds apart are none", [][2]int64{{50 * second, 0}, {50*second + 10*ms - 900_000, 10 * ms}}, []int64{0, 0}},
	} {
		if got := runner.Steps(row.readings); !slices.Equal(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.sentence, got, row.want)
		}
	}
}
