#!/usr/bin/env bash
# Builds the web client into web-client/dist. Does nothing when neither the lock file nor a source changed, so that a
# second `make run` starts at once.
#   --deps  only install the packages (tests and checks need them, not the build)
set -euo pipefail
cd "$(dirname "$0")/../web-client"

stamps=node_modules/.kafedra
fingerprint() { sha256sum | cut -d ' ' -f 1; }

packages="$({ cat package-lock.json; node --version; } | fingerprint)"
if [[ "$(cat "$stamps/packages" 2>/dev/null || true)" != "$packages" ]]; then
    echo "web client: installing packages (npm ci)"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null
    mkdir -p "$stamps"
    echo "$packages" >"$stamps/packages"
fi
[[ "${1:-}" == "--deps" ]] && exit 0

# Every file that the build reads. Sorted, with names, so that moving a file counts as a change.
sources="$({
    echo "$packages"
    find src public build scripts index.html package.json tsconfig.json vite.config.ts -type f -print0 2>/dev/null |
        LC_ALL=C sort -z | xargs -0 sha256sum
} | fingerprint)"
if [[ -f dist/index.html && "$(cat "$stamps/dist" 2>/dev/null || true)" == "$sources" ]]; then
    exit 0
fi
echo "web client: building"
npm run --silent build </dev/null
echo "$sources" >"$stamps/dist"
