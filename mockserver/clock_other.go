//go:build !linux

package mockserver

// clockName says what the ledger's times are measured from.
const clockName = "since the server's start, not comparable with other processes"

func monotonic() int64 { return 0 }
