//go:build !linux

package cli

// monotonic is unknown here: the ledger of a mock cannot be joined.
func monotonic() int64 { return 0 }
