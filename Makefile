# Go is all that these targets need, but for `make compat`, which wants Node.js and both package registries, and `make test-slurm`.
GO ?= go

.PHONY: bench test build bench-self docs lint compat test-html test-slurm test-kubernetes clean

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
	$(GO) run ./internal/selfbench -streams 4500 -itl 200ms -spread 4s -for 14s
	$(GO) run ./internal/selfbench -reader -streams 400 -itl 20ms -for 12s
	$(GO) run ./internal/selfbench -reader -streams 9000 -itl 200ms -for 24s
	LLMLOAD_MEMORY_REQUESTS=10000000 $(GO) test -run TestMemoryDoesNotGrow -v ./scenarios/runner
	$(GO) test -run '^$$' -bench . -benchmem ./client ./mockserver ./results/... ./scenarios/runner ./internal/words

docs: build ## the table, the plot and the picture of README.md, from a fresh run
	$(GO) run ./internal/readme

lint: ## what CI checks beside the tests
	.ci/lint

compat: build ## the mock against other people's clients; the first run compiles openai-go, which takes minutes
	cd internal/compat && $(GO) vet ./... && $(GO) test ./...
	cd internal/compat/npm && npm ci && node check.mjs

test-html: ## the HTML report in headless Chromium, which is installed where there is none; screenshots in internal/htmltest
	.ci/chromium
	$(GO) test ./report -run '^TestPages$$' -count=1 -args -pages $(CURDIR)/internal/htmltest/pages
	cd internal/htmltest && $(GO) vet ./... && $(GO) test -count=1 -v ./...

test-slurm: ## shards under a real Slurm of four nodes on this host; wants slurmctld, slurmd, slurm-client, munge, and root
	LLMLOAD_SLURM=1 $(GO) test -count=1 -v -timeout 5m ./internal/scaleout

test-kubernetes: ## the manifests, decoded strictly into the types of k8s.io/api
	cd internal/kube && $(GO) vet ./... && $(GO) test ./...

clean:
	rm -rf bin
