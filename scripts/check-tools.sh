#!/usr/bin/env bash
# Says what is missing before a build fails half-way. Quiet when all is there.
set -euo pipefail

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$1 ($2)"); }
need cargo "Rust 1.91 or newer: https://rustup.rs"
need node "Node.js 20.19 or newer"
need npm "comes with Node.js"
need cc "a C compiler, for the cryptography: apt-get install build-essential"

if ((${#missing[@]})); then
    printf 'missing: %s\n' "${missing[@]}" >&2
    exit 1
fi

# at_least WANTED ACTUAL
at_least() { [[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]; }
rust="$(cargo --version | cut -d ' ' -f 2)"
node="$(node --version)"
if ! at_least 1.91.0 "$rust"; then
    echo "Rust is $rust, 1.91 or newer is needed: rustup update" >&2
    exit 1
fi
if ! at_least 20.19.0 "${node#v}"; then
    echo "Node.js is $node, 20.19 or newer is needed" >&2
    exit 1
fi
