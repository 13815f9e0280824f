#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, named in KAFEDRA_TEST_POSTGRES: scripts/with-postgres.sh COMMAND...
# The server lives in a temporary folder, listens on loopback and ends with the command.
set -euo pipefail

bin="$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)"
[[ -x "$bin/initdb" ]] || bin="$(dirname "$(command -v initdb || echo /missing/initdb)")"
[[ -x "$bin/initdb" ]] || { echo "PostgreSQL is missing: scripts/install-test-deps.sh" >&2; exit 1; }
folder="$(mktemp -d)"
# PostgreSQL does not run as root; its package brings a user.
as=()
if [[ "$(id -u)" == 0 ]]; then
    as=(runuser -u postgres --)
    chown postgres "$folder"
fi
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
control() { (cd "$folder" && "${as[@]}" "$bin/pg_ctl" --pgdata "$folder/data" --silent "$@" </dev/null); }
finish() {
    control --mode immediate stop || true
    rm -rf "$folder"
}
trap finish EXIT
(cd "$folder" && "${as[@]}" "$bin/initdb" --pgdata "$folder/data" --username postgres --auth trust --encoding UTF8 \
    --locale C.UTF-8 --no-sync >/dev/null)
# What it holds is thrown away: nothing waits for the disk.
control --wait --log "$folder/log" --options "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$folder' \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200" start
KAFEDRA_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port" PATH="$PATH:$bin" "$@"
