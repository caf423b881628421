#!/usr/bin/env bash
# Runs the examples of the messaging library over each transport, against servers of their own, and checks what they print.
# TIDINGS_EXAMPLES names another folder with the binaries.
#
#   ./run.sh
#
# The last line is "N passed, N failed"; the exit code is not 0 on failure.
cd "$(dirname "$0")"
. ../support/runner.sh

command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
export TIDINGS_EXAMPLES=${TIDINGS_EXAMPLES:-$root/build/release/bin}
[ -x "$TIDINGS_EXAMPLES/example_tasks" ] || fail "no examples in $TIDINGS_EXAMPLES: build them (./dev build), or name another folder by TIDINGS_EXAMPLES"
install_npm "$root/tests/lib"
run_node ./*.test.mjs
