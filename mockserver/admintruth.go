package mockserver

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// adminTruth sends the ledger's records as they are or, with follow, as they
// come, until the caller leaves, the time is over, or the server is closed.
func (s *Server) adminTruth(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	since := q.number("since", 0, 0, math.MaxInt64)
	follow, wait := q.flag("follow"), q.duration("wait")
	if wait != 0 && !follow {
		q.fail("wait", "goes with follow=1")
	}
	if q.refuse(w) {
		return
	}
	ctx, cancel := r.Context(), context.CancelFunc(func() {})
	if wait > 0 {
		ctx, cancel = context.WithTimeout(ctx, wait)
	}
	defer cancel()
	reader := s.ledger.reader(since)
	w.Header().Set("Content-Type", "application/jsonl")
	w.Header().Set("X-Truth-Dropped", strconv.FormatInt(reader.dropped, 10))
	if follow {
		reader.send(ctx, w)
		return
	}
	enc := json.NewEncoder(w)
	for records := range reader.untilTop {
		for i := range records {
			if enc.Encode(&records[i]) != nil {
				return // the caller is gone
			}
		}
	}
}

// send writes records as they come.
func (r *ledgerReader) send(ctx context.Context, w http.ResponseWriter) {
	rc, enc := http.NewResponseController(w), json.NewEncoder(w)
	if end, ok := ctx.Deadline(); ok {
		_ = rc.SetWriteDeadline(end.Add(time.Second)) // a caller that does not read is not waited for; where there is no connection none can hang
	}
	for {
		records, grown := r.next()
		for i := range records {
			if enc.Encode(&records[i]) != nil {
				return
			}
		}
		if rc.Flush() != nil || len(records) == 0 && grown == nil {
			return
		}
		if len(records) > 0 {
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return
		}
	}
}

// adminMarker says where a reader of the counts and of the ledger has to begin.
func (s *Server) adminMarker(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name string `yaml:"name"`
	}
	if !decodeBody(w, r, &in) {
		return
	}
	st := s.State()
	writeJSON(w, struct {
		Name          string `json:"name"`
		Attempts      int64  `json:"attempts"`
		N             int64  `json:"n"` // of the newest record: the since of what comes after
		InFlight      int    `json:"in_flight"`
		Stage         string `json:"stage"`
		ConfigVersion int64  `json:"config_version"`
		MonotonicNS   int64  `json:"monotonic_ns"`
	}{in.Name, st.Attempts, st.Records, st.InFlight, st.Stage, st.ConfigVersion, st.MonotonicNS})
}
