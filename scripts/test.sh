#!/usr/bin/env bash
# Runs every test: Rust, the web client's units, then the whole thing in a browser. Installs first what they need.
# Everything is built in one profile (release), so that each crate is compiled once.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
# shellcheck source=scripts/steps.sh
source scripts/steps.sh

step "tools" scripts/check-tools.sh
step "test tools" scripts/install-test-deps.sh
step "interop client" scripts/interop/install.sh
step "web client: build" scripts/build-web.sh
step "rust: build" scripts/build-hub.sh --with-tests
step "rust: tests" cargo test --release --workspace --locked --no-fail-fast
# The same contract on the other database: the store's own tests, and what the school's rules do over HTTP.
step "rust: on PostgreSQL" scripts/with-postgres.sh cargo test --release --workspace --locked --no-fail-fast \
    --lib --test integration -- store:: access:: cli::one founding:: evidence:: planning:: journal:: people::
step "web client: units" in_web_client npm run --silent test
step "web client: size budgets" in_web_client npm run --silent budget
step "web client: no foreign hosts" in_web_client npm run --silent hosts
step "browser: end to end" in_web_client npm run --silent e2e
steps_end
