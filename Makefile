# Go is all that these targets need, but for `make compat`, which wants Node.js and both package registries.
GO ?= go

.PHONY: bench test build bench-self docs lint compat clean

bench: build ## run the built-in quickstart against the bundled mock server
	./bin/llmload run quickstart

test: ## every test that needs Go alone
	$(GO) test ./...

build: ## bin/llmload
	$(GO) build -o bin/llmload .

bench-self: build ## llmload against its own truth: the error of the instrument, a capacity and its confirmation, then the Go benchmarks
	./bin/llmload selftest
	./bin/llmload capacity capacity --slo ttft.p90=50ms --start 50/s --time 3m --max-rate 500/s
	$(GO) run ./internal/selfbench -streams 400 -itl 10ms
	$(GO) run ./internal/selfbench -streams 9000 -itl 200ms -spread 4s -for 14s
	$(GO) test -run '^$$' -bench . -benchmem ./client ./mockserver ./results/... ./scenarios/runner ./internal/words

docs: build ## the table and the plot of README.md, from a fresh run
	$(GO) run ./internal/readme

lint: ## what CI checks beside the tests
	.ci/lint

compat: build ## the mock against other people's clients; the first run compiles openai-go, which takes minutes
	cd internal/compat && $(GO) vet ./... && $(GO) test ./...
	cd internal/compat/npm && npm ci && node check.mjs

clean:
	rm -rf bin
