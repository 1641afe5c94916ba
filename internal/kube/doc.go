// Package kube holds the manifests of `llmload submit kubernetes` against the API's own types. It is a module of its own, because
// those types are 30 MB that the program has no use for.
package kube
