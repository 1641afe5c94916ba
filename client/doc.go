// Package client sends one request at a time to an OpenAI-compatible server and says when each part of the answer came.
//
// Goals: times that mean something (stamped when Read returns, before any
// decoding), attempts that are all visible, errors that can be told apart with
// errors.Is and errors.As, and limits (concurrency, rate, retries, time) that
// suit a program that never heard of load testing.
//
// Non-goals: dialects other than OpenAI's, logging, and generating load: that
// is the business of package scenarios/runner.
package client
