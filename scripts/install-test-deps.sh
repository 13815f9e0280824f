#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: Chromium, Redis, PostgreSQL, Python's venv (for the independent
# WebRTC client of the interop tests). Says what it does; asks nothing.
set -euo pipefail

packages=()
has_chromium() { [[ -n "${CHROMIUM:-}" && -x "${CHROMIUM:-}" ]] || command -v chromium >/dev/null 2>&1; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null 2>&1; }
has_chromium || packages+=(chromium)
command -v redis-server >/dev/null 2>&1 || packages+=(redis-server)
has_postgres || packages+=(postgresql)
python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || packages+=(python3 python3-venv)

if ((${#packages[@]} == 0)); then
    echo "test tools: Chromium, Redis, PostgreSQL and Python are here"
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
