// Package client talks to an OpenAI-compatible server, in the cloud or local, and says when each part of an answer came.
//
// Goals: one call for one text ([Client.Generate]); a pool of connections,
// retries and limits that suit a program that never heard of load testing;
// attempts that are all visible, with times that mean something (stamped when
// Read returns, before any decoding); errors that can be told apart with
// errors.Is and errors.As.
//
// Non-goals: dialects other than OpenAI's, logging, and generating load: that
// is the business of package scenarios/runner.
//
// Begin with [New] and [Client.Generate], or [Client.Chat] and [Client.Stream].
// README.md beside the source is the guide; each of its snippets is an example here.
package client
