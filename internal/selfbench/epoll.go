//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// epollReader reads the same streams with one loop around epoll, and does no more
// than stamp what it reads: what is left when net/http, the goroutines and all
// decoding are taken away. It is what a client of our own protocol code could
// come near to, and no client.
func epollReader(ctx context.Context, addr string, l load) error {
	to, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(epoll)
	request := fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\nContent-Length: 2\r\n\r\n{}", addr)
	total, gap := int(1.5*float64(l.streams)), time.Duration(float64(time.Second)/l.rate())
	stamps := map[int32][]time.Duration{}
	buf := make([]byte, 4<<10)
	var ready [256]unix.EpollEvent
	start, begun := time.Now(), 0
	for begun < total || len(stamps) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for ; begun < total && time.Since(start) >= time.Duration(begun)*gap; begun++ {
			fd, err := open(epoll, &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}, request)
			if err != nil {
				return err
			}
			stamps[fd] = make([]time.Duration, 0, l.tokens()+2)
		}
		n, err := unix.EpollWait(epoll, ready[:], 1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, e := range ready[:max(n, 0)] {
			n, err := unix.Read(int(e.Fd), buf)
			stamps[e.Fd] = append(stamps[e.Fd], time.Since(start))
			if err != nil || n == 0 || bytes.Contains(buf[:n], []byte("[DONE]")) {
				delete(stamps, e.Fd)
				unix.Close(int(e.Fd))
			}
		}
	}
	return nil
}

func open(epoll int, to unix.Sockaddr, request []byte) (int32, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.Connect(fd, to); err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	if _, err := unix.Write(fd, request); err != nil {
		return 0, fmt.Errorf("send: %w", err)
	}
	return int32(fd), unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}
