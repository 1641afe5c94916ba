package mockserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

// readNode reads a body of YAML, which JSON is too.
func readNode(w http.ResponseWriter, r *http.Request) (strictyaml.Node, bool) {
	body, bad := readBody(w, r)
	if bad == nil {
		n, err := strictyaml.Parse("body", body, nil)
		if err != nil && json.Valid(body) {
			n, err = strictyaml.Parse("body", respelled(body), nil)
		}
		if err == nil {
			return n, true
		}
		bad = invalid("", "the body is neither JSON nor YAML: %s", err)
	}
	writeError(w, *bad)
	return strictyaml.Node{}, false
}

// respelled writes JSON in the way that YAML reads too: without halves of
// characters, \ud83d\ude00, and without tabs.
func respelled(body []byte) []byte {
	var all any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	_ = dec.Decode(&all) // it is valid
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(all) // it was read
	return out.Bytes()
}

// decodeBody reads a body that may be empty.
func decodeBody(w http.ResponseWriter, r *http.Request, into any) bool {
	n, ok := readNode(w, r)
	if !ok {
		return false
	}
	if err := n.Decode(into); err != nil {
		writeError(w, *invalid("", "%s", err))
		return false
	}
	return true
}

func (s *Server) adminStage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Name   string  `yaml:"name"`
		Faults *string `yaml:"faults_yaml"` // absent or empty: the config's own
	}
	if !decodeBody(w, r, &in) {
		return
	}
	var faults []Fault
	if in.Faults != nil && *in.Faults != "" {
		n, err := strictyaml.Parse("faults_yaml", []byte(*in.Faults), nil)
		if err == nil {
			faults, err = ParseFaults(n)
		}
		if err != nil {
			writeError(w, *invalid("faults_yaml", "%s", err))
			return
		}
	}
	n, err := s.BeginStage(in.Name, faults)
	if err != nil {
		writeError(w, *invalid("faults_yaml", "%s", err))
		return
	}
	writeJSON(w, attempts{n})
}

// adminConfig shows the current config, in JSON where that is asked for.
func (s *Server) adminConfig(w http.ResponseWriter, r *http.Request) {
	text, err := s.cfg.Load().shown()
	if err != nil {
		writeError(w, apiError{http.StatusInternalServerError, err.Error(), "server_error", "", ""})
		return
	}
	if !strings.Contains(r.Header.Get("Accept"), "json") {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(text) // a client that is gone misses nothing
		return
	}
	var all any
	n, err := strictyaml.Parse("config", text, nil)
	if err == nil {
		err = n.Decode(&all)
	}
	if err != nil {
		writeError(w, apiError{http.StatusInternalServerError, err.Error(), "server_error", "", ""})
		return
	}
	writeJSON(w, all)
}

// shown is a config as people may see it, in YAML: with what it would be written
// as, and without keys.
func (c *Config) shown() ([]byte, error) {
	out := c.clone()
	if out.Engine.MaxQueue == noQueue {
		out.Engine.MaxQueue = 0
	}
	return strictyaml.MarshalRedacted(struct {
		Version int64  `yaml:"version"`
		Config  Config `yaml:"config"`
	}{c.version, out})
}

// adminPatch changes the version of the config that the caller saw.
func (s *Server) adminPatch(w http.ResponseWriter, r *http.Request) {
	n, ok := readNode(w, r)
	if !ok {
		return
	}
	var in struct {
		Version *int64          `yaml:"version"`
		Set     strictyaml.Node `yaml:"set"`
	}
	err := n.Decode(&in)
	if in.Version == nil {
		err = strictyaml.Join(err, n.Errorf("version", "write version: that of GET /admin/config, which the change is for"))
	}
	if in.Set.IsZero() {
		err = strictyaml.Join(err, n.Errorf("set", "write set: the values to change by their path, such as engine.c0: 12ms"))
	}
	if err != nil {
		_, bad := s.cfg.Load().patched(in.Set) // what else is wrong
		err = strictyaml.Join(err, bad)
	}
	if err != nil {
		writeError(w, *invalid("", "%s", err))
		return
	}
	version, err := s.patch(*in.Version, in.Set)
	s.answerChange(w, version, err)
}

// answerChange says which version the config has now.
func (s *Server) answerChange(w http.ResponseWriter, version int64, err error) {
	switch {
	case errors.Is(err, errStale):
		writeError(w, *refused(http.StatusConflict, "%s", err))
	case err != nil:
		writeError(w, *invalid("set", "%s", err))
	default:
		writeJSON(w, map[string]int64{"version": version})
	}
}
