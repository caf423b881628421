#!/bin/sh
# Builds the peers that tidings is measured against, into build/bench. Only what changed is built again.
# Usage: bench/peers/build.sh [node] [socketioxide] [centrifugo]    (all three if none is named)
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

build_node() {
  need npm node "Node.js 20 or newer with npm"
  stage node
  stamp=$(cat "$peers/node/package-lock.json" "$peers/node/package.json" | sha256sum)
  if [ "$(cat "$out/node/installed" 2>/dev/null || true)" != "$stamp" ]; then
    (cd "$out/node" && npm ci --no-audit --no-fund --loglevel=error)
    echo "$stamp" >"$out/node/installed"
  fi
}

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

[ $# -gt 0 ] || set -- node socketioxide centrifugo
for peer in "$@"; do
  case $peer in
    node | socketioxide | centrifugo) ;;
    *) echo "bench: no peer '$peer' (node, socketioxide, centrifugo)" >&2; exit 2 ;;
  esac
  echo "bench: building the peer $peer"
  "build_$peer"
done
