//go:build !linux

package cli

// monotonic is unknown here: the ledger of a mock cannot be joined.
func monotonic() int64 { return 0 }

// clockError is unknown here.
func clockError() (offsetMS, maxMS *float64) { return nil, nil }
