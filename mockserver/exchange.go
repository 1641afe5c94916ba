package mockserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// An exchange is one generation request and its answer.
type exchange struct {
	s      *Server
	cfg    *Config // as it was when the request came
	api    api
	w      http.ResponseWriter
	rc     *http.ResponseController
	conn   *rawConn        // to write streams to; nil where net/http must
	served bool            // by an http.Server, and not called by a test
	ctx    context.Context // ends when the client leaves or the server closes

	rec    Record
	strike *strike // nil: no fault, or it is over
	feed   *feed   // of a stream
	*job
	id      string
	created int64
	waiter  *waiter
	cut     func(*exchange)
}

// generate answers one of the generation endpoints.
func (s *Server) generate(w http.ResponseWriter, r *http.Request, a api) {
	body, bad := readBody(w, r)
	if bad == nil && s.ctx.Err() != nil {
		bad = &apiError{http.StatusServiceUnavailable, "the server is closed", "server_error", "", ""}
	}
	if bad != nil {
		writeErrorIn(w, s.cfg.Load().Dialect, *bad)
		return
	}
	x := &exchange{s: s, api: a, w: w, rc: http.NewResponseController(w), conn: direct(r), served: r.Context().Value(http.ServerContextKey) != nil}
	var faults *faultSet
	x.rec, x.cfg, faults = s.arrive(r, w.Header())
	stop := x.watch(r.Context())
	// The order matters: the ledger is complete and the attempt has left before
	// the client can see the end of its connection.
	defer func() {
		stop()
		s.metrics.observe(x)
		s.leave(x.rec)
		if x.cut != nil {
			x.cut(x)
		}
	}()
	x.rec.Outcome = x.serve(r, body, faults)
}

// watch makes the exchange's context. A closing server also ends a write that
// is blocked by a client that does not read.
func (x *exchange) watch(parent context.Context) (stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	x.ctx = ctx
	off := context.AfterFunc(x.s.ctx, func() {
		cancel(errClosed)
		_ = x.rc.SetWriteDeadline(time.Unix(1, 0)) // where there is no connection, nothing blocks
	})
	return func() {
		off()
		cancel(nil)
	}
}

func (x *exchange) serve(r *http.Request, body []byte, faults *faultSet) Outcome {
	if bad := x.cfg.authorize(r); bad != nil {
		return x.refuse(bad)
	}
	req, bad := parseRequest(x.api, body)
	if bad != nil {
		return x.refuse(bad)
	}
	x.rec.Model, x.rec.Stream = req.Model, req.Stream
	if bad = x.draw(r, req.Stream, faults); bad != nil {
		return x.refuse(bad)
	}
	if k := x.strike; k != nil && k.row.instead != nil {
		k.row.instead(x)
		return outcomeFault
	}
	if x.job, bad = x.cfg.plan(x.api, req); bad != nil {
		return x.refuse(bad)
	}
	x.rec.PromptTokens, x.rec.PlannedTokens = x.usage.prompt, x.planned
	if bad = x.admit(r, req); bad != nil {
		return x.refuse(bad)
	}
	return x.run()
}

// run takes the request through the engine.
func (x *exchange) run() Outcome {
	x.waiter = newWaiter() // before the engine can decide anything
	defer context.AfterFunc(x.ctx, func() { x.s.sched.interrupt(x.waiter) })()
	if x.streaming {
		x.feed = newFeed(x.cfg, x.job, x.strike)
	}
	seqs := make([]*engine.Seq, len(x.choices))
	for i, c := range x.choices {
		c.seq.Notify = func() { x.decided(i) }
		seqs[i] = c.seq
	}
	if err := x.s.sched.submit(seqs); err != nil {
		return x.refuse(x.notTaken(err))
	}
	defer x.release(seqs)
	hash := hashMore(x.cfg.Seed^hashString(x.rec.Stage), strconv.FormatInt(x.rec.Seq, 10))
	x.id = fmt.Sprintf("%s-%016x", map[bool]string{true: "chatcmpl", false: "cmpl"}[x.api == apiChat], hash)
	x.created = x.s.clock.wall().Unix()
	if x.streaming {
		return x.stream()
	}
	return x.plain()
}

// notTaken says to the client why the engine did not take its request.
func (x *exchange) notTaken(err error) *apiError {
	if errors.Is(err, engine.ErrTooLong) {
		e := invalid("messages", "%d tokens of prompt and %d of completion do not fit into the server's KV memory of %d tokens.",
			x.usage.prompt, x.planned, x.s.sched.load().KVTokens)
		e.code = "context_length_exceeded"
		return e
	}
	return &apiError{http.StatusServiceUnavailable, fmt.Sprintf(
		"the server is overloaded: no room for %d more in the queue", len(x.choices)), "server_error", "", "overloaded"}
}

// decided is called under the scheduler's lock when the engine has decided more
// of choice i.
func (x *exchange) decided(i int) {
	if x.feed != nil {
		x.feed.decided(i)
	}
	x.s.sched.rewatch(x.waiter)
}

func (x *exchange) release(seqs []*engine.Seq) {
	x.s.sched.release(seqs)
	x.s.sched.locked(func() {
		x.settle()
		if at, ok := seqs[0].Admitted(); ok { // first come, first served: the earliest
			x.rec.AdmittedNS = x.s.clock.mono(at)
		}
	})
	x.rec.CachedTokens = x.usage.cached
}

// lost is the outcome when waiting or writing failed. The connection is cut: a
// clean end would look like a whole answer, also to a client that has closed only
// its own side.
func (x *exchange) lost() Outcome {
	x.cut = (*exchange).hangUp
	if x.s.ctx.Err() != nil {
		return outcomeClosed
	}
	return outcomeGone
}

func (x *exchange) refuse(e *apiError) Outcome {
	x.rec.Status = e.status
	writeErrorIn(x.w, x.cfg.Dialect, *e)
	return outcomeRejected
}

// header sends the status line and what every answer carries.
func (x *exchange) header(status int, contentType string) {
	x.rec.Status = status
	spent := x.s.clock.mono(x.s.clock.now()) - x.rec.ArrivedNS
	h := x.w.Header()
	h.Set("Content-Type", x.strike.contentType(contentType))
	h.Set("Openai-Processing-Ms", strconv.FormatInt(spent/int64(time.Millisecond), 10))
	x.w.WriteHeader(status)
}

// reset ends the connection with a TCP RST: what the client had not read yet
// may be lost to it.
func (x *exchange) reset() {
	conn, _, err := x.rc.Hijack()
	if err != nil {
		x.abort()
	}
	defer conn.Close()
	if t, ok := conn.(*tls.Conn); ok {
		defer t.NetConn().Close() // before the tls.Conn's own Close, which would say goodbye
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // a dead connection is reset already
	}
}

// hangUp ends the connection, where there is one.
func (x *exchange) hangUp() {
	if x.served {
		x.abort()
	}
}

// abort ends the connection where there is no TCP connection to reset.
func (x *exchange) abort() { panic(http.ErrAbortHandler) }

// requestID is the client's own id, or a new one where that is missing or unfit
// to be a header.
func requestID(r *http.Request, fresh uint64) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > 256 {
		return fmt.Sprintf("req_%016x", fresh)
	}
	return id
}
