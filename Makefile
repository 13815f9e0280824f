# The few commands people use. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# Where cargo puts its work: the environment may say so. The binary is always left in target/release/kafedra.
CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
BINARY := target/release/kafedra

.PHONY: help build web run test bench fuzz soak fmt lint dist clean audit

help: ## Say what each command does
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: web ## Build target/release/kafedra with the web client inside
	@scripts/build-hub.sh

web: ## Build the web client into web-client/dist (does nothing when nothing changed)
	@scripts/check-tools.sh
	@scripts/build-web.sh

run: build ## Build, then serve a demo school at http://localhost:8080 (data in ./data)
	@exec $(BINARY) serve --demo --data-dir data $(ARGS)

test: ## Install what the tests need (browser, Redis, aiortc), then run all of them
	@scripts/test.sh

bench: web ## Measure: the parts, and the hub under load beside the floor and Janus
	cargo bench --bench hub
	cargo bench --bench school
	cargo bench --bench load

FUZZ_SECONDS ?= 300
fuzz: ## Fuzz every parser for FUZZ_SECONDS each (needs cargo-fuzz; the corpus is replayed by `make test` anyway)
	@scripts/fuzz.sh $(FUZZ_SECONDS)

SOAK_MINUTES ?= 30
soak: ## People come and go for SOAK_MINUTES; every slot is checked, memory stays flat
	KAFEDRA_SOAK_MINUTES=$(SOAK_MINUTES) cargo test --release --locked --test integration soak:: -- --nocapture

fmt: ## Format Rust and TypeScript
	cargo fmt --all
	cd web-client && npx --no-install biome format --write .

lint: ## Check formatting, clippy, types and the web client's rules
	@scripts/lint.sh

audit: ## Check dependencies against advisories and licences (needs cargo-audit and cargo-deny)
	@scripts/audit.sh

dist: build ## Pack the binary, its configuration and documents into dist/
	@scripts/dist.sh

clean: ## Remove build results; ./data stays
	cargo clean
	rm -rf target/release/kafedra dist web-client/dist web-client/node_modules web-client/e2e/artefacts
