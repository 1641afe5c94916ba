package mockserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Server is a mock inference server: an http.Handler that answers the
// OpenAI-compatible endpoints, with and without their /v1.
type Server struct {
	base    *Config                // as it was at the start, resolved
	cfg     atomic.Pointer[Config] // the current one: resolved, never changed in place
	clock   clock
	mux     *http.ServeMux
	sched   *scheduler
	ledger  *ledger
	late    *lateMeter
	limits  *limiter
	gates   gates
	metrics *metrics
	ctx     context.Context // ends with Close
	stop    context.CancelFunc

	mu       sync.Mutex
	faults   *faultSet
	phases   timeline
	stage    string
	attempts int64
	inFlight int
	maxSeen  int
	idle     chan struct{} // nil, or closed when inFlight falls to 0
}

// New makes a server. It listens to nothing: see HTTPServer, or hand it to any
// other server as its handler. Close it to end its streams and to complete the truth file.
func New(cfg Config) (*Server, error) {
	base, changes, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	l, err := openLedger(base.Truth)
	if err != nil {
		return nil, err
	}
	s := &Server{clock: newClock(), ledger: l, late: newLateMeter(), limits: newLimiter(), base: base, phases: timeline{changes: changes}}
	s.cfg.Store(base)
	s.sched = newScheduler(s.clock, base)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.metrics = newMetrics(s)
	s.routes()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.restart("", nil)
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", requestID(r, rand.Uint64()))
	s.mux.ServeHTTP(w, r)
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	for _, root := range []string{"/v1", ""} {
		for _, api := range []api{apiChat, apiCompletions, apiEmbeddings} {
			s.mux.HandleFunc("POST "+root+string(api), func(w http.ResponseWriter, r *http.Request) {
				s.generate(w, r, api)
			})
		}
		for pattern, h := range map[string]http.HandlerFunc{
			"GET /models": s.keyed(s.listModels), "GET /models/{id...}": s.keyed(s.oneModel),
			"POST /tokenize": s.keyed(s.tokenize), "POST /detokenize": s.keyed(s.detokenize), "GET /version": s.keyed(s.version),
			"GET /health": s.health, "GET /ping": s.health, "POST /ping": s.health, "GET /metrics": s.metrics.ServeHTTP,
		} {
			method, path, _ := strings.Cut(pattern, " ")
			s.mux.HandleFunc(method+" "+root+path, h)
		}
	}
	s.mux.HandleFunc("/", s.keyed(func(w http.ResponseWriter, r *http.Request) {
		writeErrorIn(w, s.cfg.Load().Dialect, *s.noRoute(w, r))
	}))
}

// noRoute tells a wrong method from a wrong path.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request) *apiError {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		return refused(http.StatusNotFound, "Invalid URL (%s %s)", r.Method, r.URL.Path)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return refused(http.StatusMethodNotAllowed, "%s takes %s, not %s", r.URL.Path, strings.Join(allowed, " or "), r.Method)
}

// Close ends every stream, waits for their handlers, and completes the truth
// file. It may be called again.
func (s *Server) Close() error {
	s.stop()
	s.mu.Lock()
	s.phases.stop()
	s.mu.Unlock()
	// Handlers see the end of ctx at once; the bound is for one that does not.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, derr := s.Drain(ctx)
	s.closeGates()
	s.sched.close()
	return errors.Join(derr, s.ledger.close())
}

var errClosed = errors.New("mockserver: the server was closed")

// Truth returns the records in memory whose N is above since, oldest first. A
// record is there before its attempt leaves State.InFlight.
func (s *Server) Truth(since int64) []Record {
	var all []Record
	for records := range s.ledger.reader(since).untilTop {
		all = append(all, records...)
	}
	return all
}

// arrive counts an attempt and opens its record, with the config and the faults
// of that moment.
func (s *Server) arrive(r *http.Request, answer http.Header) (Record, *Config, *faultSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	s.inFlight++
	s.maxSeen = max(s.maxSeen, s.inFlight)
	cfg := s.cfg.Load()
	// From the seed, so that the same arrivals have the same ledger; other
	// requests, which are in none, leave the count alone.
	id := requestID(r, hashMore(cfg.Seed^hashString("request"), strconv.FormatInt(s.attempts, 10)))
	answer.Set("X-Request-Id", id)
	return Record{
		Seq: s.attempts, RequestID: id, Stage: s.stage, ConfigVersion: cfg.version, Path: r.URL.Path,
		ArrivedNS: s.clock.mono(s.clock.now()),
	}, cfg, s.faults
}

// leave writes the record and only then lets the attempt go, so that a drained
// server has a complete ledger.
func (s *Server) leave(rec Record) {
	rec.DoneNS = s.clock.mono(s.clock.now())
	s.ledger.add(rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if s.inFlight == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}
