//go:build !unix

package client

import "net"

// hangup knows nothing here: what net/http finds out has to do.
type hangup struct{}

func (*hangup) watch(net.Conn) {}

func (*hangup) hungUp() bool { return false }
