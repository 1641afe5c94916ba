package mockserver_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

func TestAnErrorOfWritingIsKeptAndSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := mockserver.New(mockserver.Config{
			Engine: mockserver.Engine{Model: "none"}, Truth: mockserver.Truth{File: "/dev/full"},
		})
		if err != nil {
			t.Fatal(err)
		}
		post(s, chatPath, chat(1, ""))
		if got := s.State().TruthError; got != "" {
			t.Errorf("before the flush: %q", got)
		}
		time.Sleep(time.Second) // virtual: the flush
		synctest.Wait()
		post(s, chatPath, chat(1, ""))
		if got := s.State().TruthError; !strings.Contains(got, "mockserver: truth ledger: write /dev/full: no space left") {
			t.Errorf("State says %q", got)
		}
		if got := len(s.Truth(0)); got != 2 {
			t.Errorf("%d records in memory", got)
		}
		for range 2 {
			if err := s.Close(); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Close says %v", err)
			}
		}
	})
}
