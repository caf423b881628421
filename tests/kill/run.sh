#!/usr/bin/env bash
# The kill test: writers and readers through the official client, kill -9 and restart at random moments.
#
#   ./run.sh [--kills N]    20 kills if not said otherwise
#   ./run.sh --fault        against a server that acknowledges before it commits (TIDINGS_FAULT_BIN): the check must
#                           catch it within 30 kills
#
# TIDINGS_BIN names another binary, TIDINGS_TEST_SEED repeats a printed seed. The last line is "N passed, N failed".
cd "$(dirname "$0")"
. ../support/runner.sh

command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
if [[ " $* " == *" --fault "* ]]; then
  binary=${TIDINGS_FAULT_BIN:=$root/build/dev/bin/tidings}
  export TIDINGS_FAULT_BIN
else
  binary=${TIDINGS_BIN:=$root/build/release/bin/tidings}
  export TIDINGS_BIN
fi
[ -x "$binary" ] || fail "no server at $binary: build it first, or name one by TIDINGS_BIN or TIDINGS_FAULT_BIN"
install_npm "$root/tests/lib"
node --test check.test.mjs >/dev/null || fail "the check itself is broken: node --test $PWD/check.test.mjs"
exec node kill.mjs "$@"
