// Package compat asks the mock server through clients that others wrote and people use.
//
// Goals: each client does every request of the catalogue and gets an answer that it understands; each of the mock's errors arrives
// as the client's own type for it; a client's retries wait as the mock's headers say. The Go clients are asked here, those of npm in
// the folder npm; `make compat` runs both.
//
// Non-goals: the clients' own faults, what no client can ask for, timing. The package is a module of its own, so that nobody who
// uses llmload downloads these clients.
package compat
