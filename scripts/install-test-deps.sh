#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: Chromium, Redis, Python's venv (for the independent WebRTC
# client of the interop tests). Says what it does; asks nothing.
set -euo pipefail

packages=()
has_chromium() { [[ -n "${CHROMIUM:-}" && -x "${CHROMIUM:-}" ]] || command -v chromium >/dev/null 2>&1; }
# A browser without a Cyrillic font draws boxes.
has_chromium || packages+=(chromium fonts-dejavu-core)
command -v redis-server >/dev/null 2>&1 || packages+=(redis-server)
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3 python3-venv)

if ((${#packages[@]} == 0)); then
    echo "test tools: Chromium, Redis and Python are here"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "test tools: please install ${packages[*]} with your package manager" >&2
    exit 1
fi
run=()
if [[ "$(id -u)" != 0 ]]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "test tools: not root and no sudo; please install: ${packages[*]}" >&2
        exit 1
    fi
    run=(sudo)
fi
echo "test tools: installing ${packages[*]} (apt-get)"
export DEBIAN_FRONTEND=noninteractive
install() { "${run[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >/dev/null; }
# The package lists of a fresh image are empty or old.
install || { "${run[@]}" apt-get update -qq </dev/null && install; }
