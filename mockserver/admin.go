package mockserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"

	"github.com/llmload/llmload/internal/strictyaml"
)

// Admin is the handler that steers the server and shows what it did. It asks
// for no key: serve it on a loopback address of its own.
//
//	POST /admin/stage   {"name": "outage", "faults_yaml": "[{action: {status: 500}}]"}: BeginStage; answers {"attempts": N}
//	GET  /admin/state   State
//	GET  /admin/truth   Truth as JSONL; ?since=N
//	GET  /admin/profile CPU profile of ?seconds=N, for go tool pprof
//	POST /admin/drain   Drain, as long as the caller waits; answers {"attempts": N}
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /admin/stage", s.adminStage)
	mux.HandleFunc("GET /admin/state", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.State()) })
	mux.HandleFunc("GET /admin/truth", s.adminTruth)
	mux.HandleFunc("POST /admin/drain", s.adminDrain)
	mux.HandleFunc("GET /admin/profile", pprof.Profile)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, apiError{
			http.StatusNotFound, fmt.Sprintf("no %s %s here", r.Method, r.URL.Path),
			"invalid_request_error", "", "",
		})
	})
	return mux
}

type marker struct {
	Attempts int64 `json:"attempts"`
}

func (s *Server) adminStage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name   string  `json:"name"`
		Faults *string `json:"faults_yaml"` // absent or empty: the config's own
	}
	body, bad := readBody(w, r)
	if bad == nil {
		if err := json.Unmarshal(body, &in); err != nil {
			bad = invalid("", "the body is not JSON: %s", err)
		}
	}
	var faults []Fault
	if bad == nil && in.Faults != nil && *in.Faults != "" {
		n, err := strictyaml.Parse("faults_yaml", []byte(*in.Faults), nil)
		if err == nil {
			faults, err = ParseFaults(n)
		}
		if err != nil {
			bad = invalid("faults_yaml", "%s", err)
		}
	}
	if bad != nil {
		writeError(w, *bad)
		return
	}
	n, err := s.BeginStage(in.Name, faults)
	if err != nil {
		writeError(w, *invalid("faults_yaml", "%s", err))
		return
	}
	writeJSON(w, marker{n})
}

func (s *Server) adminTruth(w http.ResponseWriter, r *http.Request) {
	var since int64
	if text := r.URL.Query().Get("since"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			writeError(w, *invalid("since", "since=%s is not a number of a record", text))
			return
		}
		since = n
	}
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	for _, rec := range s.Truth(since) {
		if enc.Encode(rec) != nil {
			return // the caller is gone
		}
	}
}

func (s *Server) adminDrain(w http.ResponseWriter, r *http.Request) {
	n, err := s.Drain(r.Context())
	if err != nil {
		writeError(w, apiError{http.StatusServiceUnavailable, err.Error(), "server_error", "", ""})
		return
	}
	writeJSON(w, marker{n})
}
