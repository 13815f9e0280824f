#!/usr/bin/env bash
# Everything that judges the text of the code: formatting, clippy, types.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
# shellcheck source=scripts/steps.sh
source scripts/steps.sh

step "tools" scripts/check-tools.sh
step "web client: packages and build" scripts/build-web.sh
step "rust: formatting" cargo fmt --all --check
step "rust: clippy" cargo clippy --release --workspace --all-targets --locked -- -D warnings
step "web client: types" in_web_client npm run --silent check
step "web client: biome" in_web_client npm run --silent lint
steps_end
