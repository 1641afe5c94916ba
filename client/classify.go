package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
)

// stopper returns the context that ended the attempt, nil if none did. Close
// tells an attempt's own context by a goroutine, which may be late.
func (f *flight) stopper() context.Context {
	switch {
	case f.ctx.Err() != nil:
		return f.ctx
	case f.life.Err() != nil:
		return f.life
	}
	return nil
}

// interrupted tells why a context of the attempt ended, and in which phase.
// Middleware may have seen the context's cause, so what is added to it goes into
// a copy.
func (f *flight) interrupted(ctx context.Context, phase string) error {
	err := interrupted(ctx, f.at(), phase)
	if late, ok := err.(*TimeoutError); ok {
		own := *late
		own.RequestID = f.a.RequestID
		return &own
	}
	return err
}

// sendError tells why no answer came.
func (f *flight) sendError(err error) error {
	ctx := f.stopper()
	switch {
	case ctx != nil:
		return f.interrupted(ctx, f.phase(errors.Is(err, errInLine)))
	case strings.Contains(err.Error(), "invalid header field"), strings.Contains(err.Error(), "invalid method"):
		return f.located(err) // ours, not the connection's: trying again is of no use
	case strings.Contains(err.Error(), "malformed HTTP"):
		return f.located(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	return f.connectionError(err)
}

// bodyError tells why an answer broke off.
func (f *flight) bodyError(err error) error {
	var netErr net.Error
	ctx := f.stopper()
	switch {
	case ctx != nil:
		return f.interrupted(ctx, f.phase(false))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return f.located(fmt.Errorf("%w: %w", ErrTruncated, err))
	case errors.As(err, &netErr):
		return f.connectionError(err)
	}
	return f.located(fmt.Errorf("%w: %w", ErrMalformed, err)) // such as a chunk length that is no number
}

// connectionError names what broke. net/http quotes headers that it cannot read.
func (f *flight) connectionError(err error) error {
	kind := connectionKind(err)
	if text := err.Error(); f.call.secrets.hide(text) != text {
		err = errors.New(f.call.secrets.hide(text))
	}
	var netErr net.Error
	var dnsErr *net.DNSError
	if errors.As(err, &netErr) && netErr.Timeout() && !errors.As(err, &dnsErr) {
		phase := phaseTotal
		if f.trace.connected.Load() == 0 {
			phase = phaseConnect
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = dialError{err} // not the caller's: that one is known, see stopper
		}
		return &TimeoutError{Phase: phase, Endpoint: f.call.label, RequestID: f.a.RequestID, Attempts: f.number, Err: err}
	}
	return &ConnectionError{Kind: kind, Endpoint: f.call.label, RequestID: f.a.RequestID, Attempts: f.number, Err: err}
}

// connectionKind sorts an error of the network. net/http has some errors that
// it does not export; those are known by their text.
func connectionKind(err error) string {
	var dns *net.DNSError
	text := err.Error()
	switch {
	case errors.As(err, &dns):
		return kindDNS
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT): // a unix socket that is not there
		return kindRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe),
		closedIdle(err):
		return kindReset
	case isTLS(err), strings.Contains(text, "HTTP response to HTTPS client"), strings.Contains(text, "tls: "):
		return kindTLS
	}
	return kindOther
}

func isTLS(err error) bool {
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &cert) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// interrupted tells why a context ended while a call was in the given phase.
func interrupted(ctx context.Context, at where, phase string) error {
	cause := context.Cause(ctx)
	var own *TimeoutError
	switch {
	case errors.As(cause, &own):
		return own
	case errors.Is(cause, ErrClosed):
		return &stopError{at, ErrClosed}
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return lateError(at, phase)
	case errors.Is(cause, ctx.Err()):
		return &stopError{at, cause}
	}
	return &stopError{at, fmt.Errorf("%w: %w", ctx.Err(), cause)}
}

// lateError is the caller's deadline.
func lateError(at where, phase string) error {
	return &TimeoutError{
		Phase: phase, Endpoint: at.endpoint, RequestID: at.requestID, Attempts: at.attempts, Err: context.DeadlineExceeded,
	}
}

// waitError tells why a wait inside the client ended without an attempt.
func waitError(ctx context.Context, at where) error {
	if ctx.Err() != nil {
		return interrupted(ctx, at, phaseQueue)
	}
	return lateError(at, phaseQueue) // the deadline is still to come, but before the wait could end
}
