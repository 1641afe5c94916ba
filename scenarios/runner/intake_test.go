package runner_test

import (
	"testing"
	"time"

	"github.com/llmload/llmload/scenarios/runner"
)

func window(t *testing.T, in *runner.Intake) (start, end time.Duration) {
	t.Helper()
	from, _ := in.Bounds.Start()
	to, ok := in.Bounds.End()
	if !ok {
		t.Fatal("the window has no end")
	}
	return time.Duration(from), time.Duration(to)
}

func TestAClosedLoopsWindowEndsWithTheFirstWorkerWithoutWork(t *testing.T) {
	p := plan(t, "name: x\nload: {closed: {concurrency: 2}, requests: 3, warmup: {requests: 1}}")
	in := runner.NewIntake(&p.Stages[0], time.Second.Nanoseconds(), 7, nil)
	for i := range 4 {
		a, seq, ok := in.Next(time.Duration(i) * time.Millisecond)
		if !ok || seq != int64(7+i) || a.Warmup != (i == 0) {
			t.Fatalf("arrival %d: %+v, %d, %v", i, a, seq, ok)
		}
	}
	for _, at := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
		if _, _, ok := in.Next(at); ok {
			t.Fatal("there is no more work")
		}
	}
	if start, end := window(t, in); start != 1001*time.Millisecond || end != 1010*time.Millisecond || in.Issued != 11 {
		t.Errorf("from %v to %v, %d issued", start, end, in.Issued)
	}
}

func TestAnOpenLoopIsOverWhenItsMeasuredRequestsHaveEnded(t *testing.T) {
	p := plan(t, "name: x\nload: {open: {rate: 10/s, arrivals: constant}, requests: 2, warmup: {requests: 1}}")
	in := runner.NewIntake(&p.Stages[0], 0, 0, nil)
	warm, _, _ := in.Next(0)
	first, _, _ := in.Next(0)
	second, _, _ := in.Next(0)
	in.Ended(warm)
	in.Ended(first)
	tail, _, _ := in.Next(0)
	if !tail.Tail || in.Over() || in.Exhausted() {
		t.Fatalf("%+v, over %v, exhausted %v", tail, in.Over(), in.Exhausted())
	}
	if start, end := window(t, in); start != 100*time.Millisecond || end != 200*time.Millisecond {
		t.Errorf("from %v to %v", start, end)
	}
	in.Ended(second)
	in.Unsend(tail)
	if !in.Over() || in.Issued != 3 {
		t.Errorf("over %v, %d issued", in.Over(), in.Issued)
	}
	for range 3 {
		_, _, _ = in.Next(0)
	}
	if !in.Exhausted() {
		t.Error("the tail is longer than what was measured")
	}
}

func TestWhatIsNotSentIsNotSpent(t *testing.T) {
	p := plan(t, "name: x\nworkload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 4}}\nload: {open: {rate: 10/s}, requests: 9}\nbudget: {total_tokens: 12}")
	spending := runner.NewSpending(p.Budget)
	in := runner.NewIntake(&p.Stages[0], 0, 0, spending)
	first, _, ok := in.Next(0)
	in.Unsend(first)
	_, _, again := in.Next(0)
	_, _, more := in.Next(0)
	if !ok || !again || more || !in.Spent() || in.Issued != 1 {
		t.Errorf("%v, %v, %v, spent %v, %d issued", ok, again, more, in.Spent(), in.Issued)
	}
}
