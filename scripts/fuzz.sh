#!/usr/bin/env bash
# Fuzzes every target, one after the other, until it has had so many runs or so many seconds: scripts/fuzz.sh [SECONDS
# [TARGET…]], FUZZ_RUNS (a million). What is new goes to fuzz/found, crashes to fuzz/artifacts: a crash that is mended is
# copied into fuzz/corpus, where the tests replay it.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-300}"
shift || true
command -v cargo-fuzz >/dev/null 2>&1 || { echo "cargo-fuzz is missing: cargo install cargo-fuzz" >&2; exit 1; }
# Sanitizers are a matter of nightly Rust; this lets the pinned compiler have them too.
export RUSTC_BOOTSTRAP=1
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cd fuzz/fuzz_targets && printf '%s\n' *.rs | sed 's/\.rs$//')

cargo fuzz build
failed=0
for target in "${targets[@]}"; do
    # 100 ms for one input, 256 MB: the bounds of SAFETY MD-05 to MD-10, with room for the sanitizer. A session has
    # handshakes in it.
    slow=1
    [[ "$target" == session || "$target" == dtls ]] && slow=5
    mkdir -p "fuzz/found/$target"
    started=$SECONDS
    said="$(cargo fuzz run "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- -runs="${FUZZ_RUNS:-1000000}" \
        -max_total_time="$seconds" -timeout="$slow" -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 2>&1)" || failed=1
    stat() { grep -oE "stat::$1: *[0-9]+" <<<"$said" | grep -oE '[0-9]+$' || echo "?"; }
    reached="$(grep -oE 'cov: [0-9]+' <<<"$said" | tail -1 || true)"
    printf '%-10s %9s runs in %4s s, %s, slowest %s s, at most %s MB\n' "$target" "$(stat number_of_executed_units)" \
        "$((SECONDS - started))" "${reached:-cov: ?}" "$(stat slowest_unit_time_sec)" "$(stat peak_rss_mb)"
    grep -E "SUMMARY|panicked|Test unit" <<<"$said" || true
    [[ -z "$(ls -A "fuzz/artifacts/$target" 2>/dev/null)" ]] || failed=1
done
exit "$failed"
