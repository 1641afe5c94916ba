package mockserver

import (
	"net/http"
	"runtime/pprof"
	"time"
)

const longestProfile = 600 // seconds

// adminProfile measures the CPU of the whole process. There can be one profile
// at a time; who leaves ends it.
func (s *Server) adminProfile(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	seconds := q.number("seconds", 10, 1, longestProfile)
	if q.refuse(w) {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := pprof.StartCPUProfile(w); err != nil {
		writeError(w, *refused(http.StatusConflict, "%s: wait for the other profile to end", err))
		return
	}
	defer pprof.StopCPUProfile()
	enough := time.NewTimer(time.Duration(seconds) * time.Second)
	defer enough.Stop()
	select {
	case <-enough.C:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
}
