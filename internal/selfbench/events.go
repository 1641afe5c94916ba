//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// An answer of the server below, as the wire has it.
const (
	answerHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	eventBody  = `data: {"id":"c","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n"
	answerTail = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
		`data: {"id":"c","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":%d,"total_tokens":%d}}` + "\n\ndata: [DONE]\n\n"
)

func chunked(s string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(s), s) }

// events is a server of streams that does as little as one can: every event is
// the same bytes, and one goroutine writes them all. What it measures is its
// reader. It ends with stdin.
func events(l load) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\nadmin on http://none\n", listener.Addr())
	begin := make(chan *emission, l.streams)
	go emit(l, begin)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn, begin)
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	listener.Close()
	return err
}

// An emission is an answer under way.
type emission struct {
	conn net.Conn
	due  time.Time
	left int
	over chan struct{}
}

// serve hands each request of a connection to the goroutine that writes.
func serve(conn net.Conn, begin chan<- *emission) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		if _, err := io.WriteString(conn, answerHead); err != nil {
			return
		}
		e := &emission{conn: conn, over: make(chan struct{})}
		begin <- e
		<-e.over
	}
}

// emit writes each answer's events on absolute times. All gaps are the same, so
// that the queue is in order of time.
func emit(l load, begin <-chan *emission) {
	event, tail := chunked(eventBody), append(chunked(fmt.Sprintf(answerTail, l.tokens(), l.tokens()+8)), "0\r\n\r\n"...)
	var queue []*emission
	admit := func(e *emission) {
		e.due, e.left = time.Now().Add(l.itl), l.tokens()
		queue = append(queue, e)
	}
	for {
		for more := true; more; {
			select {
			case e := <-begin:
				admit(e)
			default:
				more = false
			}
		}
		if len(queue) == 0 {
			admit(<-begin)
		}
		e := queue[0]
		queue = queue[1:]
		time.Sleep(time.Until(e.due))
		_, err := e.conn.Write(event)
		if e.left--; err == nil && e.left > 0 {
			e.due = e.due.Add(l.itl)
			queue = append(queue, e)
			continue
		}
		_, _ = e.conn.Write(tail) // a reader that is gone is missed by its own books
		close(e.over)
	}
}
