package client_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// long is an answer of 2,000 events, 270 KB, that come 1 ms apart, cut at places
// that have nothing to do with its events; every hundredth comes in two halves,
// which two milliseconds bring.
func long(end string) (steps []step, text string, want []client.Arrival) {
	steps = []step{{0, streamHead}}
	var all strings.Builder
	now := 0
	for i := range 2000 {
		word := string(rune('a'+i%26)) + "\u4e2d"
		all.WriteString(word)
		ev := says(word)
		if i%100 == 99 {
			steps, ev, now = append(steps, step{ms, httpChunk(ev[:70])}), ev[70:], now+1
		}
		now++
		steps = append(steps, step{ms, httpChunk(ev)})
		want = append(want, at(now, 1, 1))
	}
	return append(steps, step{ms, httpChunk(end)}, step{0, lastChunk}), all.String(), want
}

// A long answer is decoded in parts while it comes: nothing of it may differ.
func TestALongAnswerIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps, text, want := long(counts(3, 2000) + done)
		c := newClient(t, &server{answer: paced(steps...)}, measuring)
		x := c.Send(t.Context(), hello(true))
		resp, err := x.Decode()
		if err != nil || resp.Text != text || resp.ContentEvents != 2000 || resp.Usage.OutputTokens != 2000 {
			t.Fatalf("%v, %d bytes of text of %d, %d events, %+v", err, len(resp.Text), len(text), resp.ContentEvents, resp.Usage)
		}
		a := x.Attempts[0]
		if !slices.Equal(a.Arrivals, want) || a.MultiEventReads != 0 {
			t.Errorf("%d arrivals, want %d; %d reads with several events", len(a.Arrivals), len(want), a.MultiEventReads)
		}
		if a.FirstToken.Sub(a.Started) != ms || a.FirstOutput.Sub(a.Started) != ms || a.Done.Sub(a.Started) != 2021*ms {
			t.Errorf("first token %v, first output %v, done %v", a.FirstToken.Sub(a.Started), a.FirstOutput.Sub(a.Started), a.Done.Sub(a.Started))
		}
	})
}

func TestALongAnswerThatBreaksKeepsWhatCame(t *testing.T) {
	for name, tt := range map[string]struct {
		end  string
		want error
	}{
		"without an end marker": {"", client.ErrTruncated},
		"with a broken event":   {"data: {\"choices\":[{\n\n" + done, client.ErrMalformed},
		"with an error event":   {`data: {"error":{"message":"boom"}}` + "\n\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				steps, text, _ := long(tt.end)
				if tt.end == "" {
					steps = append(steps[:len(steps)-2], step{ms, lastChunk})
				}
				c := newClient(t, &server{answer: paced(steps...)}, measuring)
				resp, err := c.Send(t.Context(), hello(true)).Decode()
				var said *client.StreamError
				if resp.Text != text || tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.As(err, &said) {
					t.Errorf("%v, %d bytes of text of %d", err, len(resp.Text), len(text))
				}
			})
		})
	}
}

// The read that fills a part may bring the head of an event, too, that the end of
// the answer completes: some servers leave the blank line behind their last out.
func TestALongAnswerMayEndInAnEventThatAPartLeftOver(t *testing.T) {
	const least, most = 100, 150 // events; a part is filled between
	for n := least; n < most; n++ {
		synctest.Test(t, func(t *testing.T) {
			steps := []step{{0, streamHead}}
			for range n {
				steps = append(steps, step{ms, httpChunk(says("a"))})
			}
			steps = append(steps, step{ms, httpChunk(says("b") + strings.TrimSpace(says("c")))}, step{ms, lastChunk})
			c := newClient(t, &server{answer: paced(steps...)}, measuring)
			x := c.Send(t.Context(), hello(true))
			resp, err := x.Decode()
			if want := strings.Repeat("a", n) + "bc"; resp.Text != want || !errors.Is(err, client.ErrTruncated) {
				t.Errorf("%d events: %v, %d bytes of text of %d", n, err, len(resp.Text), len(want))
			}
			a := x.Attempts[0].Arrivals
			if last := a[len(a)-1]; len(a) != n+1 || last.Events != 2 || last.At != time.Duration(n+1)*ms {
				t.Errorf("%d events: %d arrivals, the last %+v", n, len(a), last)
			}
		})
	}
}

// While an answer comes, its bytes are decoded and given back: what is held is not
// its length. The bytes of an event stand around some 3 of text.
func TestALongAnswerIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps, _, _ := long(done)
		const streams = 20
		c := newClient(t, &server{answer: paced(steps...)}, measuring)
		before := heap()
		for range streams {
			go c.Send(t.Context(), hello(true))
		}
		time.Sleep(2000 * ms)
		synctest.Wait()
		held := (heap() - before) / streams
		t.Logf("%d KB held a stream", held>>10)
		if held > 200<<10 {
			t.Errorf("%d KB held a stream near the end of answers of 270 KB", held>>10)
		}
		time.Sleep(time.Second)
	})
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
