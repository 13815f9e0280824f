#!/usr/bin/env bash
# A Python environment with aiortc, the independent WebRTC client of the interop tests. Prints the interpreter's path.
# Does nothing when it is there already.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${KAFEDRA_INTEROP_VENV:-${HOME:-/root}/.cache/kafedra/interop}"
stamp="$venv/.requirements"

if ! cmp -s "$here/requirements.txt" "$stamp" 2>/dev/null; then
    echo "interop: installing aiortc into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$stamp"
fi
echo "$venv/bin/python"
