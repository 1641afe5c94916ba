package mockserver

import (
	"encoding/json"
	"net/http"
	"runtime/debug"
)

// A modelCard is a model as /v1/models shows it; max_model_len is vLLM's and
// SGLang's.
type modelCard struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len"`
	*lineage           // of those two as well
}

type lineage struct {
	Root   string  `json:"root"`
	Parent *string `json:"parent"`
}

func (s *Server) card(cfg *Config, m Model) modelCard {
	card := modelCard{m.ID, "model", s.clock.base.Unix(), "llmload", m.MaxModelLen, nil}
	if cfg.Dialect != dialectOpenAI { // ModelCard of either project's protocol.py
		card.OwnedBy, card.lineage = cfg.Dialect, &lineage{Root: m.ID}
	}
	return card
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	cfg := s.cfg.Load()
	cards := make([]modelCard, len(cfg.Models))
	for i, m := range cfg.Models {
		cards[i] = s.card(cfg, m)
	}
	writeJSON(w, map[string]any{"object": "list", "data": cards})
}

func (s *Server) oneModel(w http.ResponseWriter, r *http.Request) {
	cfg := s.cfg.Load()
	m, ok := cfg.model(r.PathValue("id"))
	if !ok {
		writeErrorIn(w, cfg.Dialect, *unknownModel(r.PathValue("id")))
		return
	}
	writeJSON(w, s.card(cfg, m))
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]string{"status": "ok"})
}

func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	writeJSON(w, map[string]string{"version": version})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone learns nothing more
}
