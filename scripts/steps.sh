# Sourced by test.sh, lint.sh and .ci/run: runs named steps, goes on after a failure, ends with a count.
steps_passed=0
steps_failed=()

# step NAME COMMAND...
step() {
    local name="$1" started=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    if "$@" </dev/null; then
        steps_passed=$((steps_passed + 1))
        printf -- '-- %s: passed (%d s)\n' "$name" $((SECONDS - started))
    else
        steps_failed+=("$name")
        printf -- '-- %s: FAILED (%d s)\n' "$name" $((SECONDS - started))
    fi
}

# Prints the count and gives the exit code.
steps_end() {
    printf '\n'
    local name
    for name in "${steps_failed[@]}"; do printf 'failed: %s\n' "$name"; done
    printf '%d passed, %d failed\n' "$steps_passed" "${#steps_failed[@]}"
    ((${#steps_failed[@]} == 0))
}

in_web_client() { (cd web-client && "$@"); }
