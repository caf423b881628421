# What the runners share. To be sourced by a script in a folder beside this one.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

fail() {
  echo "$*" >&2
  exit 1
}

# Installs the npm packages of folder $1 as its lock file says, unless that was done already.
install_npm() {
  (
    cd "$1"
    exec 9<.
    flock 9
    sum=$(cat package.json package-lock.json | sha256sum)
    [ "$(cat node_modules/.installed 2>/dev/null)" = "$sum" ] && exit 0
    echo "installing the npm packages of ${1#"$root"/}"
    npm ci --no-fund --no-audit --loglevel=error >&2 || fail "npm ci failed in $1"
    echo "$sum" >node_modules/.installed
  )
}

# Chooses the server: the reference with --reference, else ECHO_BIN, else the release build.
choose_server() {
  command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
  if [ "$1" = reference ]; then
    install_npm "$root/tests/protocol"
    export ECHO_REFERENCE=1
    return
  fi
  export ECHO_BIN=${ECHO_BIN:-$root/build/release/bin/socketio_echo}
  [ -x "$ECHO_BIN" ] || fail "no server at $ECHO_BIN: build it (./dev build), or name one by ECHO_BIN"
}

# Runs the given test files by node; the counts are the last line.
run_node() {
  node --test --test-timeout=900000 --test-concurrency=2 \
    --test-reporter="$root/tests/support/reporter.mjs" --test-reporter-destination=stdout "$@"
}
