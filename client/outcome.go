package client

import (
	"context"
	"errors"
	"net/http"
)

const (
	outcomeOK        = "ok"
	outcomeCancelled = "cancelled"
)

// outcome names how a call ended.
func outcome(err error) string {
	if err == nil {
		return outcomeOK
	}
	return failedOutcome(err)
}

// failedOutcome goes by the typed error.
func failedOutcome(err error) string {
	var api *APIError
	var late *TimeoutError
	var broken *ConnectionError
	var inside *StreamError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return outcomeCancelled
	case errors.As(err, &late):
		return "timeout_" + late.Phase
	case errors.As(err, &api) && api.Status == http.StatusTooManyRequests:
		return "rate_limited"
	case errors.As(err, &api) && api.Status >= 500:
		return "http_5xx"
	case api != nil:
		return "http_4xx"
	case errors.As(err, &inside):
		return "stream_error"
	case errors.As(err, &broken) && broken.Kind == kindOther:
		return "connection"
	case broken != nil:
		return broken.Kind
	}
	return contentOutcome(err)
}

func contentOutcome(err error) string {
	switch {
	case errors.Is(err, ErrTruncated):
		return "truncated"
	case errors.Is(err, ErrContentType):
		return "content_type"
	case errors.Is(err, ErrTooLarge):
		return "too_large"
	}
	return "malformed"
}
