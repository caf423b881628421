#!/usr/bin/env bash
# Runs the protocol suites against examples/socketio_echo. ECHO_BIN names another binary.
#
#   ./run.sh [--reference] [FILE…]    --reference: against npm's server instead, to check the suites themselves
#
# The last line is "N passed, N failed"; the exit code is not 0 on failure.
cd "$(dirname "$0")"
. ../support/runner.sh

server="echo"
if [ "${1:-}" = --reference ]; then
  server=reference
  shift
fi
install_npm "$PWD"
choose_server "$server"
[ $# -gt 0 ] || set -- *.test.mjs
run_node "$@"
