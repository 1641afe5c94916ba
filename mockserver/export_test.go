package mockserver

import "net"

// WriteRaw writes to a connection as streams do, and says whether its reader held it up.
func WriteRaw(tcp *net.TCPConn, b []byte) (blocked bool, err error) { return newRawConn(tcp).write(b) }

// SmallQueue has no more than so many bytes of the truth wait for the disk.
func SmallQueue(s *Server, room int) { s.ledger.queue.room = room }
