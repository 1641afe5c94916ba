// Package promscrape reads what an inference server says of itself on its Prometheus endpoint.
//
// Goals: vLLM, SGLang and dcgm-exporter under one set of names; bounded in bytes and time; a figure that a server does not
// tell is absent, never 0; a source that fails spoils no figure of the others.
//
// Non-goals: keeping whole series, any query but those that a stage of load needs.
package promscrape
