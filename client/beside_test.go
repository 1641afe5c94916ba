package client_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// TestBesideSharesLimits holds that two clients of one configuration are one to the server's limit, over connections of
// their own.
func TestBesideSharesLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, client.Config{RequestsPerSecond: 1, LazyInit: true, Model: "m"})
		other, err := c.Beside("http://other.invalid", client.Off)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		same, err := c.Beside("", 1)
		if err != nil {
			t.Fatal(err)
		}
		defer same.Close()
		for range 2 {
			for _, one := range []*client.Client{c, other, same} {
				one.Send(t.Context(), hello(false))
			}
		}
		want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second, 5 * time.Second}
		if got := starts(s); !slices.Equal(got, want) {
			t.Errorf("requests at %v, want one a second of all clients", got)
		}
		if s.dials != 4 {
			t.Errorf("%d connections, want one each and two of the client that opens a new one each time", s.dials)
		}
		if a, b := c.String(), same.String(); a != b || a == other.String() {
			t.Errorf("%s, %s and %s", a, b, other)
		}
	})
}

func TestBesideEndsWithTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, client.Config{LazyInit: true, Model: "m"})
		one, err := c.Beside("", 1)
		if err != nil {
			t.Fatal(err)
		}
		another, err := c.Beside("", 1)
		if err != nil {
			t.Fatal(err)
		}
		one.Close()
		if _, err := one.Chat(t.Context(), hello(false)); !errors.Is(err, client.ErrClosed) {
			t.Errorf("a closed client: %v", err)
		}
		for _, open := range []*client.Client{c, another} {
			if _, err := open.Chat(t.Context(), hello(false)); err != nil {
				t.Errorf("its neighbour: %v", err)
			}
		}
		c.Close()
		if _, err := another.Chat(t.Context(), hello(false)); !errors.Is(err, client.ErrClosed) {
			t.Errorf("after the first was closed: %v", err)
		}
		another.Close()
	})
	if _, err := newClient(t, &server{answer: keeping("")}, client.Config{LazyInit: true}).Beside("nowhere", 1); err == nil {
		t.Error("no error from an address that is none")
	}
}
