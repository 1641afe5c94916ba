package client

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// pool holds HTTP/1.1 connections, each of which carries one request at a time.
// It stands on Transport.NewClientConn and not on http.Transport's own pool,
// because that one cannot dial ahead, does not say what is open, and may send a
// request again on its own.
//
// A connection is at every moment either idle, and then in the idle list, or
// leased to the one request that will give it back. Nobody waits while one is idle.
type pool struct {
	transport *http.Transport
	scheme    string
	addr      string
	size      int // 0: as many as asked for, and each for one request
	life      context.Context
	end       context.CancelFunc

	mu       sync.Mutex
	all      map[*conn]struct{}
	idle     []*conn   // the last is taken first
	waiting  list.List // of chan delivery, first come first served
	dialling int
	round    *round // nil while no dial is under way
	failure  error  // of the latest dial
	closed   bool
	sweeper  *time.Timer // nil while nothing is idle
	sweepAt  time.Time   // when it goes off
	dials    sync.WaitGroup
}

func newPool(cfg *Config, u *url.URL) *pool {
	p := &pool{scheme: u.Scheme, addr: hostPort(u), size: cfg.PoolSize, all: map[*conn]struct{}{}}
	p.transport = newTransport(cfg, noting(newDialler(cfg)))
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// hostPort returns where an endpoint is dialled.
func hostPort(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// put takes a connection that can serve again.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	p.hand(c)
}

// hand is put by one who has locked the pool, and unlocks it.
func (p *pool) hand(c *conn) {
	if p.closed || c.Err() != nil || (p.size == 0 && c.used) {
		p.mu.Unlock()
		p.drop(c)
		return
	}
	if !p.serve(delivery{conn: c}) {
		p.rest(c)
	}
	p.mu.Unlock()
	if c.Err() != nil { // it died before it was in the list, where died would have found it
		p.died(c)
	}
}

// rest lays a connection into the idle list: one that has served where it is
// taken first, one that has not where it is taken last, the oldest before the others.
func (p *pool) rest(c *conn) {
	c.since = time.Now()
	at := len(p.idle)
	if !c.used {
		at = 0
	}
	p.idle = slices.Insert(p.idle, at, c)
	p.sweepAfter(c.patience())
}

// drop closes a connection that is not in the idle list. It gives its place up
// only when it is closed: there are never more than size.
func (p *pool) drop(c *conn) {
	_ = c.Close() // nobody is left to be told
	p.mu.Lock()
	delete(p.all, c)
	p.grow()
	p.mu.Unlock()
}

// died hears that a connection is closed. A leased one is dropped by its request.
func (p *pool) died(c *conn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		p.drop(c)
	}
}

func (p *pool) counts() counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return counts{
		open: len(p.all), idle: len(p.idle), dialling: p.dialling, waiting: p.waiting.Len(),
		failure: p.failure,
	}
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	p.idle = nil
	open := make([]*conn, 0, len(p.all))
	for c := range p.all {
		open = append(open, c)
	}
	if p.sweeper != nil {
		p.sweeper.Stop()
	}
	for p.serve(delivery{err: ErrClosed}) {
	}
	p.mu.Unlock()
	p.end()
	for _, c := range open {
		p.drop(c)
	}
	p.dials.Wait()
}
