package compat_test

import (
	"errors"
	"testing"

	goopenai "github.com/sashabaranov/go-openai"
)

const invalid = "invalid_request_error"

func TestErrorsAreTheClientsOwnType(t *testing.T) {
	for _, row := range []struct {
		that, config string
		q            question
		want         refusal
	}{
		{"no message", "", question{mute: true}, refusal{400, invalid, "", "messages"}},
		{"a limit below one is named as the client sent it", "", question{limit: -1}, refusal{400, invalid, "", "max_completion_tokens"}},
		{"and by its old name", "", question{legacyLimit: -1}, refusal{400, invalid, "", "max_tokens"}},
		{
			"more than the context holds", "models: [{id: demo-8b, max_model_len: 16}]",
			question{limit: 64},
			refusal{400, invalid, "context_length_exceeded", "messages"},
		},
		{"a wrong key", "api_key: another", question{}, refusal{401, invalid, "invalid_api_key", ""}},
		{"a model that is not there", "", question{model: "absent"}, refusal{404, invalid, "model_not_found", "model"}},
		{"too many requests", fault(`{status: 429, retry_after: 1s}`), question{}, refusal{429, "requests", "rate_limit_exceeded", ""}},
		{"a fault of the server", fault(`{status: 500}`), question{}, refusal{500, "server_error", "", ""}},
		{"a server that is away", fault(`{status: 503}`), question{}, refusal{503, "server_error", "", ""}},
		{"vLLM's codes are numbers", "dialect: vllm", question{model: "absent"}, refusal{404, "NotFoundError", "404", "model"}},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachWay(t, row.config, func(t *testing.T, c client, ask way) {
				_, err := ask(bounded(t), row.q)
				checkRefusal(t, c, err, row.want)
			})
		})
	}
}

func fault(action string) string { return "faults: [{action: " + action + "}]" }

func checkRefusal(t *testing.T, c client, err error, want refusal) {
	t.Helper()
	if got, ok := c.refusal(err); !ok || got != want {
		t.Errorf("%+v from %T %v %s, want %+v", got, err, err, raw(err), want)
	}
}

func TestTheRightKeyIsLetIn(t *testing.T) {
	eachWay(t, "api_key: any key", func(t *testing.T, _ client, ask way) {
		if a := must(t, ask, question{limit: 3}); a.text == "" {
			t.Error("no answer")
		}
	})
}

func TestAWrongKeySeesNoModels(t *testing.T) {
	eachClient(t, "api_key: another", func(t *testing.T, c client) {
		_, err := c.models(bounded(t))
		checkRefusal(t, c, err, refusal{401, invalid, "invalid_api_key", ""})
	})
}

// TestErrorsOfOtherEndpoints: they have params of their own names.
func TestErrorsOfOtherEndpoints(t *testing.T) {
	eachClient(t, "models: [{id: demo-8b, max_model_len: 4}]", func(t *testing.T, c client) {
		_, err := c.complete(bounded(t), completion{"one two", 9, 0})
		checkRefusal(t, c, err, refusal{400, invalid, "context_length_exceeded", "prompt"})
		_, err = c.embed(bounded(t), "one two three four five", "float")
		checkRefusal(t, c, err, refusal{400, invalid, "context_length_exceeded", "input"})
	})
}

// TestSGLangsErrorsKeepTheirStatus: these objects have no envelope "error". go-openai keeps the status; openai-go does not, and gives
// an error that is none of its own type.
func TestSGLangsErrorsKeepTheirStatus(t *testing.T) {
	eachWay(t, "dialect: sglang", func(t *testing.T, c client, ask way) {
		_, err := ask(bounded(t), question{model: "absent"})
		if err == nil {
			t.Fatal("no error")
		}
		if _, isOfficial := c.(official); isOfficial {
			return
		}
		if e, ok := errors.AsType[*goopenai.RequestError](err); !ok || e.HTTPStatusCode != 404 {
			t.Errorf("%T %v, want a RequestError of status 404", err, err)
		}
	})
}
