// Package mockserver is an OpenAI-compatible inference server that makes no
// inference: it answers on a declared schedule, with declared faults, and
// writes down what it did and when.
//
// Goals: a ground truth for load generators (every token's planned time and
// the time just before its write, on a clock that a client of the same host
// shares), failures on order, and a stand-in for a real server in any Go test:
// a Server is an http.Handler.
//
// Non-goals: sensible text, real tokenizers. A token is one word between white
// space; answers are words drawn from a list.
package mockserver
