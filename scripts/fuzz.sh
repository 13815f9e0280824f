#!/usr/bin/env bash
# Fuzzes every target for so many seconds, one after the other. New inputs stay in fuzz/corpus, crashes in fuzz/artifacts:
# a crash that is mended is copied into the corpus, where the tests replay it.
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
    echo "== $target"
    # 100 ms for one input, 256 MB: the bounds of SAFETY MD-05 to MD-10. A session has handshakes in it.
    slow=1
    [[ "$target" == session || "$target" == dtls ]] && slow=5
    cargo fuzz run "$target" -- -max_total_time="$seconds" -timeout="$slow" -rss_limit_mb=1024 -max_len=4096 \
        -print_final_stats=1 2>&1 | grep -E "stat::|SUMMARY|panicked|Test unit" || true
    [[ -z "$(ls -A "fuzz/artifacts/$target" 2>/dev/null)" ]] || failed=1
done
exit "$failed"
