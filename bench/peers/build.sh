#!/bin/sh
# Builds the peers that tidings is measured against, into build/bench. Only what changed is built again.
# Usage: bench/peers/build.sh [node] [socketioxide] [centrifugo] [messaging] [replaced] [ferretdb]    (the first three if none is named)
set -eu

peers=$(cd "$(dirname "$0")" && pwd)
out=${BENCH_BUILD:-$(cd "$peers/../.." && pwd)/build/bench}
jobs=${BENCH_JOBS:-$(nproc)}

need() {
  command -v "$1" >/dev/null 2>&1 || { echo "bench: $2 needs '$1': install $3" >&2; exit 1; }
}

# Copies a peer's sources into the build folder, keeping their times, so that lock files stay out of the source.
stage() {
  mkdir -p "$out/$1"
  cp -pR "$peers/$1/." "$out/$1/"
}

# install FOLDER: what its lock file says, by npm.
install() {
  need npm "$1" "Node.js 20 or newer with npm"
  stage "$1"
  stamp=$(cat "$peers/$1/package-lock.json" "$peers/$1/package.json" | sha256sum)
  if [ "$(cat "$out/$1/installed" 2>/dev/null || true)" != "$stamp" ]; then
    (cd "$out/$1" && npm ci --no-audit --no-fund --loglevel=error)
    echo "$stamp" >"$out/$1/installed"
  fi
}

build_node() { install node; }
build_messaging() { install messaging; }
build_replaced() { install replaced; }

build_socketioxide() {
  need cargo socketioxide "Rust 1.94 or newer"
  stage socketioxide
  (cd "$out/socketioxide" && cargo build --release --jobs "$jobs" --target-dir "$out/socketioxide/target")
  ln -sf socketioxide/target/release/tidings-bench-peer-socketioxide "$out/peer_socketioxide"
}

build_centrifugo() {
  need go centrifugo "Go 1.23 or newer"
  stage centrifugo
  (cd "$out/centrifugo" && go build -p "$jobs" -o "$out/peer_centrifugo" github.com/centrifugal/centrifugo/v5)
}

build_ferretdb() {
  need go ferretdb "Go 1.22 or newer"
  stage ferretdb
  (cd "$out/ferretdb" && go build -p "$jobs" -o "$out/peer_ferretdb" .)
}

[ $# -gt 0 ] || set -- node socketioxide centrifugo
for peer in "$@"; do
  case $peer in
    node | socketioxide | centrifugo | messaging | replaced | ferretdb) ;;
    *) echo "bench: no peer '$peer' (node, socketioxide, centrifugo, messaging, replaced, ferretdb)" >&2; exit 2 ;;
  esac
  echo "bench: building the peer $peer"
  "build_$peer"
done
