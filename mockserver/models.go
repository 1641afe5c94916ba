package mockserver

import (
	"encoding/json"
	"net/http"
)

// A modelCard is a model as /v1/models shows it; max_model_len is vLLM's.
type modelCard struct {
	ID          string `json:"id"`
	Object      string `json:"object"`
	Created     int64  `json:"created"`
	OwnedBy     string `json:"owned_by"`
	MaxModelLen int    `json:"max_model_len"`
}

func (s *Server) card(m Model) modelCard {
	return modelCard{m.ID, "model", s.clock.base.Unix(), "llmload", m.MaxModelLen}
}

func (s *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	models := s.cfg.Load().Models
	cards := make([]modelCard, len(models))
	for i, m := range models {
		cards[i] = s.card(m)
	}
	writeJSON(w, map[string]any{"object": "list", "data": cards})
}

func (s *Server) oneModel(w http.ResponseWriter, r *http.Request) {
	m, ok := s.cfg.Load().model(r.PathValue("id"))
	if !ok {
		writeError(w, *unknownModel(r.PathValue("id")))
		return
	}
	writeJSON(w, s.card(m))
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]string{"status": "ok"})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // a client that is gone learns nothing more
}
