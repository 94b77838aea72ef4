# Needs Go, a C compiler and make. `make help` lists the targets.

# Pinned so that a new check does not break an old commit.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

GO      ?= go
FUZZTIME ?= 30s

.DEFAULT_GOAL := help
.PHONY: help build host test lint demo eval bench fuzz image release clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## the filter build/flb-filter_secretwatch.so, the output in the same file, and the tool build/secretwatch
	scripts/build.sh build

host: # the loader hosts build/host-v2, build/host-v5 and build/host-output
	@mkdir -p build
	@test/host/build.sh build

test: ## all tests, with the reason of each that is skipped
	@scripts/test.sh

lint: ## go vet, gofmt, staticcheck, and shellcheck where it is installed
	@for module in $$(git ls-files '*go.mod'); do \
		dir=$$(dirname $$module); echo "== $$dir"; \
		$(GO) -C $$dir vet ./... && $(GO) -C $$dir run $(STATICCHECK) ./... || exit 1; \
	done
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "gofmt -w $$files"; exit 1; }
	@if command -v shellcheck >/dev/null; then shellcheck $$(git ls-files '*.sh') .ci/run; \
		else echo "shellcheck is not installed: scripts were not looked at"; fi
	$(GO) mod verify

demo: build host ## a recorded attack, caught and explained
	@scripts/demo.sh

eval: ## what is caught and what is noise: the recorded log and three simulated months, beside published rules
	@$(GO) run ./test/eval

bench: build host ## what it costs: Go benchmarks, the loader host, and Fluent Bit with and without the filter
	@$(GO) run ./test/bench

# Coverage is not the same from run to run, with random seeds: to make what was found
# smaller would take all of the time, and lead nowhere.
fuzz: ## every fuzz target for FUZZTIME (30s)
	@$(GO) list ./... | while read -r package; do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "== $$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$package || exit 1; \
		done; \
	done

image: ## container images for amd64 and arm64 in build/image (ARCHS=…; BASE= image of Fluent Bit, empty: none; PUSH= registry to send them to)
	@scripts/image.sh

release: ## archives, init container image, bill of materials and checksums in build/release (VERSION=…)
	@scripts/release.sh

clean: ## remove build/
	rm -rf build
