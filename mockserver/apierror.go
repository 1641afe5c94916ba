package mockserver

import (
	"fmt"
	"net/http"
)

// An apiError is a refusal, before it takes the shape of a dialect.
type apiError struct {
	status                    int // 0: inside an answer that began well
	message, typ, param, code string
}

func invalid(param, format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, fmt.Sprintf(format, args...), "invalid_request_error", param, ""}
}

func missing(param string) *apiError {
	return invalid(param, "Missing required parameter: '%s'.", param)
}

func unknownModel(id string) *apiError {
	e := invalid("model", "The model `%s` does not exist", id)
	e.status, e.code = http.StatusNotFound, "model_not_found"
	return e
}

// overflow says that a prompt and its answer do not fit in the context. param
// is where the prompt stood.
func overflow(param string, m Model, in, out int) *apiError {
	e := invalid(param, "This model's maximum context length is %d tokens. However, you requested %d tokens "+
		"(%d in the %s, %d in the completion).", m.MaxModelLen, in+out, in, param, out)
	e.code = "context_length_exceeded"
	return e
}

// writeError writes an error as OpenAI does.
func writeError(w http.ResponseWriter, e apiError) { writeErrorIn(w, dialectOpenAI, e) }

func writeErrorIn(w http.ResponseWriter, dialect string, e apiError) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if e.status == http.StatusUnauthorized {
		h.Set("Www-Authenticate", "Bearer")
	}
	w.WriteHeader(e.status)
	_, _ = w.Write(e.in(dialect)) // a client that is gone learns nothing more
}
