# Everything this repository needs is Go, make, git and a C compiler (for the race detector).
MAKEFLAGS += --warn-undefined-variables
.DEFAULT_GOAL := help
.PHONY: build package bin/consul bin/consul-template demo drill drill-proof chaos chaos-short bench fleet test oracle check fmt vuln fuzz clean help

CI ?=
KEEP ?=
ONLY ?=
FUZZTIME ?= 30s
SECONDS ?= 600
SEED ?= 1
SIZES ?= 20,80,1000,2768,10000
POINTS ?= 10x100x10,100x20x2,100x100x10,100x1000x50,1000x100x10
CONTENDERS ?= ours,floor,careful
CLIENTS ?= 20x20x2

# What `k8s-registrar version` says. The date is the commit's, so that one commit builds one binary.
git = $(shell TZ=UTC git $(1) 2>/dev/null || echo unknown)
stamp = -X github.com/prometheus/common/version.$(1)=$(2)
LDFLAGS = -s -w \
	$(call stamp,Version,$(call git,describe --tags --always --dirty)) \
	$(call stamp,Revision,$(call git,rev-parse --verify -q HEAD)) \
	$(call stamp,Branch,$(call git,branch --show-current)) \
	$(call stamp,BuildDate,$(call git,log -1 --format=%cd --date=format-local:%Y%m%d-%H:%M:%S))

# Developer tools have their own go.mod, away from what the program is built of.
TOOL = go tool -modfile=packaging/tools/go.mod

build: ## Build bin/k8s-registrar, a static binary
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/k8s-registrar .

# A Debian version begins with a digit: v1.2.3-4-gabc is 1.2.3+4.gabc, and before the first
# tag it is 0.0.0 and the commit.
PACKAGE_VERSION = $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null | sed 's/^v//; s/-/+/; s/-/./g' | \
	grep . || echo '0.0.0+$(call git,log -1 --format=%cd.%h --date=format-local:%Y%m%d)')

package: ## Build deb and rpm for amd64 and arm64 into dist/
	LDFLAGS='$(LDFLAGS)' packaging/nfpm/build.sh dist '$(PACKAGE_VERSION)' amd64 arm64

bin/consul: ## Take Consul from PATH, or build it (the first time takes minutes)
	@packaging/consul/get.sh

bin/consul-template: ## Build consul-template, for the bench to compare with
	@go build -trimpath -modfile=e2e/bench/tools/go.mod -o bin/consul-template github.com/hashicorp/consul-template

demo: build bin/consul ## Show it at work against a real Consul; KEEP=1 leaves it running
	go run ./e2e/demo -consul bin/consul -registrar bin/k8s-registrar $(if $(KEEP),-keep)

drill: build bin/consul ## Break everything around it, and see what becomes of the services; ONLY=text chooses
	go run ./e2e/drill -consul bin/consul -registrar bin/k8s-registrar $(if $(ONLY),-only '$(ONLY)')

drill-proof: bin/consul ## Switch each protection off, and see the drills fail that it decides; ONLY=text chooses
	go run ./e2e/drill -prove -consul bin/consul -parallel 2 $(if $(ONLY),-only '$(ONLY)')

chaos: build bin/consul ## Break things at random for SECONDS, from SEED, and check what it does
	go run ./e2e/chaos -consul bin/consul -registrar bin/k8s-registrar -seconds $(SECONDS) -seed $(SEED)

# What it may take to settle is no measure of anything on a machine that others use, too.
chaos-short: build bin/consul ## Chaos for a minute, from three seeds side by side
	go run ./e2e/chaos -consul bin/consul -registrar bin/k8s-registrar -seconds 60 -runs 3 -patience 4

bench: build bin/consul bin/consul-template ## Measure it beside the floor and consul-template, at SIZES, into docs (1.5 hours)
	go build -o bin/bench ./e2e/bench
	bin/bench -sizes '$(SIZES)' -results dist/bench.json -docs docs

fleet: bin/consul ## Measure what fleets of CONTENDERS cost Consul's servers, at POINTS with stand-ins and at CLIENTS with client agents, into docs
	go build -o bin/fleet ./e2e/fleet
	bin/fleet -points '$(POINTS)' -contenders '$(CONTENDERS)' -results dist/fleet.json -docs docs
	bin/fleet -clients -points '$(CLIENTS)' -contenders '$(CONTENDERS)' -results dist/fleet.json -docs docs

# -count=1: some tests build and run the program, which Go's cache of results cannot see.
test: bin/consul ## Run all tests, those against a real Consul too, with the race detector
	CONSUL_BIN='$(CURDIR)/bin/consul' go test -race -count=1 -timeout 30m ./...

oracle: bin/consul ## Hold what we know of Traefik, Kubernetes and Prometheus against their own code (the first time takes minutes)
	cd e2e/traefik && go test -count=1 ./... -rapid.checks=5000
	cd e2e/kubernetes && go test -count=1 ./...
	cd e2e/prometheus && CONSUL_BIN='$(CURDIR)/bin/consul' go test -count=1 ./...

# In CI a check that changed a file fails; a developer's uncommitted work does not.
check: ## Lint, vet, and look for untidy go.mod and unformatted code
	$(TOOL) golangci-lint run
	go vet ./...
	go mod tidy -diff
	$(if $(filter true,$(CI)),git diff --exit-code)

fmt: ## Format the code the way check wants it
	$(TOOL) golangci-lint fmt

vuln: ## Look for known vulnerabilities (asks the public Go vulnerability database)
	$(TOOL) govulncheck ./...

fuzz: ## Fuzz the readers of keys, values and configuration, FUZZTIME=30s each
	@set -e; for pkg in ./kvschema ./config; do names=$$(go test -list '^Fuzz' $$pkg); \
		for name in $$(echo "$$names" | grep '^Fuzz'); do \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$pkg; done; done

clean: ## Remove what was built
	rm -rf bin dist

help: ## Say what make can do
	@awk -F ':.*## ' '/^[a-z\/-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
