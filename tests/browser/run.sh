#!/usr/bin/env bash
# Runs the page at / in a real browser, Debian's Chromium without a window. TIDINGS_BIN names another binary of tidings,
# CHROMIUM_BIN another browser. The last line is "N passed, N failed"; the exit code is not 0 on failure.
cd "$(dirname "$0")"
. ../support/runner.sh

command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
CHROMIUM_BIN=${CHROMIUM_BIN:-$(command -v chromium || true)}
[ -x "$CHROMIUM_BIN" ] || fail "there is no browser: install the package chromium, or name one by CHROMIUM_BIN"
export CHROMIUM_BIN
export TIDINGS_BIN=${TIDINGS_BIN:-$root/build/release/bin/tidings}
[ -x "$TIDINGS_BIN" ] || fail "no server at $TIDINGS_BIN: build it (./dev build), or name one by TIDINGS_BIN"
install_npm "$root/tests/lib"
install_npm "$PWD"
run_node "${@:-page.test.mjs}"
