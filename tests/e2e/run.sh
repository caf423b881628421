#!/usr/bin/env bash
# Runs the end-to-end tests of the chat server. TIDINGS_BIN names another binary.
#
#   ./run.sh [--full] [PATTERN]    PATTERN picks files by their name, for example "recovery"
#
# --full takes the long sizes: 100,000 messages past a reader that stands still for 60 s, longer random histories.
# TIDINGS_TEST_SEED repeats a printed seed. The last line is "N passed, N failed"; the exit code is not 0 on failure.
cd "$(dirname "$0")"
. ../support/runner.sh

if [ "${1:-}" = --full ]; then
  export TIDINGS_E2E_FULL=1
  shift
fi
files=(*"${1:-}"*.test.mjs)
[ -e "${files[0]}" ] || fail "no test file matches '${1:-}'"
command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
export TIDINGS_BIN=${TIDINGS_BIN:-$root/build/release/bin/tidings}
[ -x "$TIDINGS_BIN" ] || fail "no server at $TIDINGS_BIN: build it (./dev build), or name one by TIDINGS_BIN"
install_npm "$root/tests/lib"
[ $# -gt 0 ] || files+=("$root"/tests/lib/unit/*.test.mjs)
run_node "${files[@]}"
