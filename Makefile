# Go is all that these targets need; `make docs` also wants nothing else.
GO ?= go

.PHONY: bench test build bench-self docs lint clean

bench: build ## run the built-in quickstart against the bundled mock server
	./bin/llmload run quickstart

test: ## every test that needs Go alone
	$(GO) test ./...

build: ## bin/llmload
	$(GO) build -o bin/llmload .

bench-self: build ## llmload against its own truth: the error of the instrument, then the Go benchmarks
	./bin/llmload selftest
	$(GO) run ./internal/selfbench -streams 400 -itl 10ms
	$(GO) run ./internal/selfbench -streams 9000 -itl 200ms -spread 4s -for 14s
	$(GO) test -run '^$$' -bench . -benchmem ./client ./mockserver ./results/... ./internal/words

docs: build ## the table and the plot of README.md, from a fresh run
	$(GO) run ./internal/readme

lint: ## what CI checks beside the tests
	.ci/lint

clean:
	rm -rf bin
