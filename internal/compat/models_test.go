package compat_test

import (
	"slices"
	"testing"
)

func TestModels(t *testing.T) {
	// Names with a slash are the rule on servers of open models, and clients escape it in the path.
	ids := []string{"small", "meta-llama/Llama-3.1-8B"}
	eachClient(t, "models: [{id: small}, {id: meta-llama/Llama-3.1-8B}]", func(t *testing.T, c client) {
		if got, err := c.models(bounded(t)); err != nil || !slices.Equal(got, ids) {
			t.Errorf("models %q (%v), want %q", got, err, ids)
		}
		for _, id := range ids {
			if got, err := c.model(bounded(t), id); err != nil || got != id {
				t.Errorf("model %q (%v), want %q", got, err, id)
			}
		}
		_, err := c.model(bounded(t), "absent")
		checkRefusal(t, c, err, refusal{404, "invalid_request_error", "model_not_found", "model"})
	})
}
