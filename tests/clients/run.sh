#!/usr/bin/env bash
# Runs official Socket.IO clients against examples/socketio_echo. ECHO_BIN names another binary.
#
#   ./run.sh [--full] [--reference] [FILE…]
#     --full: also the Java client (needs a JDK and Maven) and the Rust one (needs cargo and libssl-dev)
#     --reference: against npm's server instead, to check the tests themselves
#
# The last line is "N passed, N failed"; the exit code is not 0 on failure.
cd "$(dirname "$0")"
. ../support/runner.sh

server="echo"
full=no
while [[ ${1:-} == --* ]]; do
  case $1 in
    --full) full=yes ;;
    --reference) server=reference ;;
    *) fail "unknown option $1" ;;
  esac
  shift
done

need() {
  command -v "$1" >/dev/null || fail "$1 is missing: install the package $2"
}

# Runs the command behind folder $1's lock, unless the files $2 are as they were when it last succeeded.
once_for() {
  local folder=$1 files=$2
  shift 2
  mkdir -p "$folder"
  (
    exec 9<"$folder"
    flock 9
    # shellcheck disable=SC2086
    sum=$(cat $files | sha256sum)
    [ "$(cat "$folder/.made_from" 2>/dev/null)" = "$sum" ] && exit 0
    "$@" >&2
    echo "$sum" >"$folder/.made_from"
  )
}

make_python() {
  echo "installing the Python packages"
  python3 -m venv "$venv" || fail "no virtual environment: install the package python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r python/requirements.txt
}

make_java() {
  echo "building the Java client"
  mvn --quiet --batch-mode -f java/pom.xml -DbuildFolder="$java" package
}

need python3 python3
venv=$root/build/venv/clients
once_for "$venv" python/requirements.txt make_python
export TIDINGS_TEST_PYTHON=$venv/bin/python

suites=(javascript.test.mjs python.test.mjs)
if [ "$full" = yes ]; then
  need mvn maven
  need javac default-jdk-headless
  need cargo cargo
  java=$root/build/clients/java
  once_for "$java" "java/pom.xml $(find java/src -type f | sort | tr '\n' ' ')" make_java
  export TIDINGS_TEST_CLASSPATH="$java/classes:$java/libraries/*"
  echo "building the Rust client"
  cargo build --quiet --manifest-path rust/Cargo.toml --target-dir "$root/build/clients/rust"
  export TIDINGS_TEST_RUST=$root/build/clients/rust/debug/echo-client
  suites+=(java.test.mjs rust.test.mjs)
fi

install_npm "$PWD"
choose_server "$server"
[ $# -gt 0 ] || set -- "${suites[@]}"
run_node "$@"
