# What the parts of the build need from Debian 12, and how it gets there. To be sourced by ./dev.

build_packages=(clang-19 lld-19 llvm-19 ccache cmake ninja-build pkg-config
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libsqlite3-dev libsodium-dev libssl-dev
  libcli11-dev libtomlplusplus-dev prometheus-cpp-dev libxxhash-dev liburing-dev
  zlib1g-dev libzstd-dev libcurl4-openssl-dev libjemalloc-dev)
test_packages=(libclang-rt-19-dev libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev
  ca-certificates openssl git python3 python3-venv strace g++-12 redis-server rabbitmq-server)
browser_packages=(chromium)
bench_packages=(librabbitmq-dev libhiredis-dev redis-server rabbitmq-server)
fuzz_packages=(libclang-rt-19-dev)
format_packages=(clang-format-19 git)
lint_packages=(clang-format-19 clang-tidy-19 shellcheck libclang-rt-19-dev libgtest-dev libgmock-dev librapidcheck-dev git python3)

node_minimum=20.11

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    return 1
  fi
}

# Installs those of the packages that are missing. Asks no network when none is.
need_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    note "this is no Debian: nothing is installed here; what is needed are the equivalents of: $*"
    return
  fi
  local missing=() package installed
  # dpkg-query fails where it does not know a package; what it knows is printed all the same.
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null) || true
  for package in "$@"; do
    grep -qx "ii *$package" <<<"$installed" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    die "these packages are missing, and without root or sudo this script cannot install them: apt-get install ${missing[*]}"
  fi
  note "installing ${#missing[@]} Debian packages: ${missing[*]}"
  install_packages "${missing[@]}" && return
  note "asking for the newest package lists"
  as_root apt-get update -q || die "apt-get update failed: is there a network, and a Debian 12 mirror in /etc/apt?"
  install_packages "$@" || die "apt-get could not install: ${missing[*]} (they are Debian 12's; other releases lack some)"
}

# Shows the size, every 20th package and what goes wrong; all of it is in build/packages.log.
install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" 2>&1 |
    tee build/packages.log |
    awk '/^(Need to get|E:|W:|Err:|dpkg: error)/ || (/^(Get:|Unpacking |Setting up )/ && ++n % 20 == 0) { print; fflush() }'
}

# True if node and npm are here and new enough.
node_fits() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  local version
  version=$(node --version)
  [ "$(printf '%s\n' "$node_minimum" "${version#v}" | sort -V | head -n 1)" = "$node_minimum" ]
}

# Debian 12 has node 18 and the tests need a newer one. Its npm fetches that, and an npm that runs on it, into build/tools.
need_node() {
  local tools=$PWD/build/tools/node
  [ ! -x "$tools/bin/node" ] || PATH=$tools/bin:$PATH
  ! node_fits || return 0
  command -v npm >/dev/null || need_packages nodejs npm ca-certificates
  local machine=x64
  [ "$(uname -m)" != aarch64 ] || machine=arm64
  note "fetching node 20 by npm into build/tools: this machine has none of $node_minimum or newer"
  mkdir -p "$tools/bin"
  npm install --prefix "$tools" --no-fund --no-audit --loglevel=error "node-linux-$machine@20" npm@10 >&2 ||
    die "npm could not fetch node 20: is there a network? Any node of $node_minimum or newer on the PATH will do"
  ln -sf "../node_modules/npm/bin/npm-cli.js" "$tools/bin/npm"
  ln -sf "../node_modules/npm/bin/npx-cli.js" "$tools/bin/npx"
  ln -sf "../node_modules/node-linux-$machine/bin/node" "$tools/bin/node"
  PATH=$tools/bin:$PATH
  node_fits || die "the node that npm fetched does not run here; put one of $node_minimum or newer on the PATH"
}

# For ./dev test --full: the Java and the Rust client.
need_full() {
  command -v javac >/dev/null && command -v mvn >/dev/null || need_packages default-jdk-headless maven
  command -v cargo >/dev/null || need_packages cargo
}
