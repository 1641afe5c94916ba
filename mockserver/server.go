package mockserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Server is a mock inference server: an http.Handler that answers the
// OpenAI-compatible endpoints, with and without their /v1.
type Server struct {
	cfg     atomic.Pointer[Config] // resolved, never changed in place
	clock   clock
	mux     *http.ServeMux
	sched   *scheduler
	ledger  *ledger
	metrics *metrics
	ctx     context.Context // ends with Close
	stop    context.CancelFunc

	mu       sync.Mutex
	faults   *faultSet
	stage    string
	attempts int64
	inFlight int
	maxSeen  int
	idle     chan struct{} // nil, or closed when inFlight falls to 0
}

// New makes a server. It listens to nothing: hand it to an http.Server. Close
// it to end its streams and to complete the truth file.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	var errs []error
	for _, p := range cfg.problems() {
		errs = append(errs, p)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	l, err := openLedger(cfg.Truth)
	if err != nil {
		return nil, err
	}
	s := &Server{clock: newClock(), ledger: l}
	s.cfg.Store(&cfg)
	s.sched = newScheduler(s.clock, &cfg)
	s.faults = newFaultSet(cfg.Seed, "", cfg.Faults)
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.metrics = newMetrics(s)
	s.routes()
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", requestID(r))
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
		writeErrorIn(w, s.cfg.Load().Dialect, noRoute(r))
	}))
}

// Close ends every stream, waits for their handlers, and completes the truth
// file. It may be called again.
func (s *Server) Close() error {
	s.stop()
	// Handlers see the end of ctx at once; the bound is for one that does not.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, derr := s.Drain(ctx)
	s.sched.close()
	return errors.Join(derr, s.ledger.close())
}

var errClosed = errors.New("mockserver: the server was closed")

// BeginStage starts a stage: fault counters begin again, and the stage's own
// faults replace the config's (nil: the config's own; empty: none). It returns
// the marker: the number of attempts that came before the stage.
func (s *Server) BeginStage(name string, faults []Fault) (marker int64, err error) {
	cfg := s.cfg.Load()
	if faults == nil {
		faults = cfg.Faults
	}
	var errs []error
	for _, p := range faultProblems("faults", faults) {
		errs = append(errs, p)
	}
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stage, s.maxSeen = name, s.inFlight
	s.faults = newFaultSet(cfg.Seed, name, cloneFaults(faults))
	return s.attempts, nil
}

// A State is what the server is doing now.
type State struct {
	Attempts        int64  `json:"attempts"`           // generation requests whose body arrived, before any fault
	InFlight        int    `json:"in_flight"`          // of those, not ended; the queued included
	Queued          int    `json:"queued"`             // sequences that wait for a slot
	MaxInFlightSeen int    `json:"max_in_flight_seen"` // since the stage began
	Stage           string `json:"stage"`
	Records         int64  `json:"records"`         // in the truth ledger so far
	RecordsDropped  int64  `json:"records_dropped"` // of those, no longer in memory
	MonotonicNS     int64  `json:"monotonic_ns"`    // the ledger's clock, now
	Clock           string `json:"clock"`           // what that clock is
}

// State returns a snapshot.
func (s *Server) State() State {
	st := State{Queued: s.sched.load().Waiting, MonotonicNS: s.clock.mono(s.clock.now()), Clock: clockName}
	st.Records, st.RecordsDropped = s.ledger.counts()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Attempts, st.InFlight, st.MaxInFlightSeen, st.Stage = s.attempts, s.inFlight, s.maxSeen, s.stage
	return st
}

// Truth returns the records in memory whose N is above since, oldest first. A
// record is there before its attempt leaves State.InFlight.
func (s *Server) Truth(since int64) []Record { return s.ledger.since(since) }

// Drain waits until nothing is in flight and returns the number of attempts so
// far, or ctx's error.
func (s *Server) Drain(ctx context.Context) (attempts int64, err error) {
	for {
		s.mu.Lock()
		if s.inFlight == 0 {
			defer s.mu.Unlock()
			return s.attempts, nil
		}
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle, n := s.idle, s.inFlight
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return 0, fmt.Errorf("mockserver: %d requests in flight: %w", n, ctx.Err())
		}
	}
}

// arrive counts an attempt and opens its record.
func (s *Server) arrive(r *http.Request, id string) (Record, *faultSet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	s.inFlight++
	s.maxSeen = max(s.maxSeen, s.inFlight)
	return Record{
		Seq: s.attempts, RequestID: id, Stage: s.stage, Path: r.URL.Path,
		ArrivedNS: s.clock.mono(s.clock.now()),
	}, s.faults
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
