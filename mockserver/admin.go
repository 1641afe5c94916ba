package mockserver

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A route is one admin endpoint.
type route struct {
	method, path string
	params       []string // that its query may have
	does         string
	serve        http.HandlerFunc
}

func (s *Server) adminRoutes() []route {
	return []route{
		{"GET", "/admin/state", nil, "what the server is doing now", s.adminState},
		{"GET", "/admin/truth", []string{"since", "follow", "wait"}, "the truth ledger as JSONL", s.adminTruth},
		{"POST", "/admin/marker", nil, "where counts and ledger stand now", s.adminMarker},
		{"POST", "/admin/stage", nil, "begin a stage", s.adminStage},
		{"GET", "/admin/config", nil, "the config with its version", s.adminConfig},
		{"PATCH", "/admin/config", nil, "change a version of the config", s.adminPatch},
		{"GET", "/admin/faults", nil, "the faults with their counts", s.adminFaults},
		{"POST", "/admin/faults", nil, "replace the faults", s.adminSetFaults},
		{"GET", "/admin/analytic", analyticParams, "what the engine can serve: closed form and virtual run", s.adminAnalytic},
		{"GET", "/admin/metrics", nil, "what GET /metrics shows, where no connect fault strikes", s.metrics.ServeHTTP},
		{"GET", "/admin/profile", []string{"seconds"}, "CPU profile, for go tool pprof", s.adminProfile},
		{"POST", "/admin/drain", nil, "wait until nothing is in flight", s.adminDrain},
		{"POST", "/admin/reset", []string{"force"}, "back to the start", s.adminReset},
	}
}

// Admin is the handler that steers the server and shows what it did; GET /admin
// lists its endpoints. It asks for no key, so serve it on a loopback address of
// its own. A page in a browser must not get in: refused are requests whose Host
// is another, as of a page that points a name of its own at 127.0.0.1, and those
// that a browser says come from another origin.
func (s *Server) Admin() http.Handler {
	routes := s.adminRoutes()
	routes = append(routes, route{"GET", "/admin", nil, "this list", func(w http.ResponseWriter, _ *http.Request) {
		adminIndex(w, routes)
	}})
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, r.checked)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { noEndpoint(w, r, routes) })
	same := http.NewCrossOriginProtection()
	same.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, *refused(http.StatusForbidden, "the admin endpoints change nothing for a page of another origin"))
	}))
	inner := same.Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			writeError(w, *refused(http.StatusForbidden, "the admin endpoints are for this host alone: call them as 127.0.0.1 or localhost, not %q", r.Host))
			return
		}
		inner.ServeHTTP(w, r)
	})
}

// isLoopback says whether a Host header names this host itself.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// checked refuses parameters that the endpoint does not know: a typing error
// must not pass for a default.
func (rt route) checked(w http.ResponseWriter, r *http.Request) {
	var unknown []string
	for name := range r.URL.Query() {
		if !slices.Contains(rt.params, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		writeError(w, *invalid(unknown[0], "unknown parameter %s: %s %s has %s", strings.Join(unknown, ", "), rt.method, rt.path, list(rt.params)))
		return
	}
	for name, values := range r.URL.Query() {
		if len(values) > 1 {
			writeError(w, *invalid(name, "%s is written %d times: write it once", name, len(values)))
			return
		}
	}
	rt.serve(w, r)
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func adminIndex(w http.ResponseWriter, routes []route) {
	type endpoint struct {
		Method string   `json:"method"`
		Path   string   `json:"path"`
		Params []string `json:"params,omitempty"`
		Does   string   `json:"does"`
	}
	var all []endpoint
	for _, r := range routes {
		all = append(all, endpoint{r.method, r.path, r.params, r.does})
	}
	writeJSON(w, map[string]any{"endpoints": all})
}

// noEndpoint tells a wrong method from a wrong path.
func noEndpoint(w http.ResponseWriter, r *http.Request, routes []route) {
	var methods []string
	for _, rt := range routes {
		if rt.path == r.URL.Path {
			methods = append(methods, rt.method)
		}
	}
	if len(methods) == 0 {
		writeError(w, *refused(http.StatusNotFound, "no %s %s here: GET /admin lists the endpoints", r.Method, r.URL.Path))
		return
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	writeError(w, *refused(http.StatusMethodNotAllowed, "%s takes %s, not %s", r.URL.Path, strings.Join(methods, " or "), r.Method))
}

func refused(status int, format string, args ...any) *apiError {
	e := invalid("", format, args...)
	e.status = status
	return e
}

func (s *Server) adminState(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.State()) }

func (s *Server) adminDrain(w http.ResponseWriter, r *http.Request) {
	n, err := s.Drain(r.Context())
	if err != nil {
		writeError(w, apiError{http.StatusServiceUnavailable, err.Error(), "server_error", "", ""})
		return
	}
	writeJSON(w, attempts{n})
}

type attempts struct {
	Attempts int64 `json:"attempts"`
}

func (s *Server) adminReset(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	force := q.flag("force")
	if q.refuse(w) {
		return
	}
	if err := s.reset(force); err != nil {
		writeError(w, *refused(http.StatusConflict, "%s", fmt.Sprint(err, ", with force=1")))
		return
	}
	writeJSON(w, s.State())
}
