// Package htmltest opens the pages of package report in a headless Chromium and holds them to what they promise. It is a
// module of its own: the product needs no browser. `make test-html` writes the pages first.
package htmltest
