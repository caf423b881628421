#!/usr/bin/env bash
# Runs the tests of what the server publishes to RabbitMQ. TIDINGS_BIN names another binary.
#
#   ./run.sh [PATTERN]    PATTERN picks files by their name
#
# The last line is "N passed, N failed"; the exit code is not 0 on failure.
cd "$(dirname "$0")"
. ../support/runner.sh

files=(*"${1:-}"*.test.mjs)
[ -e "${files[0]}" ] || fail "no test file matches '${1:-}'"
command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
export TIDINGS_BIN=${TIDINGS_BIN:-$root/build/release/bin/tidings}
[ -x "$TIDINGS_BIN" ] || fail "no server at $TIDINGS_BIN: build it (./dev build), or name one by TIDINGS_BIN"
install_npm "$root/tests/lib"
run_node "${files[@]}"
