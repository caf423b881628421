#!/usr/bin/env bash
# Shows that the fences between the layers hold, by trying to cross each, and that the sources keep inside them.
#
#   ./run.sh
#
# The last line is "N passed, N failed"; the exit code is not 0 on failure.
set -uo pipefail
cd "$(dirname "$0")" || exit
here=$PWD
root=$(cd ../.. && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# verdict NAME STATUS LOG: counts a test; shows the log of one that failed.
verdict() {
  if [ "$2" = 0 ]; then
    passed=$((passed + 1))
    echo "ok   $1"
  else
    failed=$((failed + 1))
    echo "FAIL $1"
    tail -n 30 "$3" | sed 's/^/       /'
  fi
}

# succeeds NAME COMMAND…
succeeds() {
  local name=$1
  shift
  "$@" >"$scratch/log" 2>&1
  verdict "$name" $? "$scratch/log"
}

# stops NAME PATTERN COMMAND…: the command fails and says so.
stops() {
  local name=$1 pattern=$2
  shift 2
  local wrong=0
  if "$@" >"$scratch/log" 2>&1; then
    echo "this should have failed" >>"$scratch/log"
    wrong=1
  elif ! tr -s ' \n' ' ' <"$scratch/log" | grep -Eq "$pattern"; then
    echo "this failed without saying: $pattern" >>"$scratch/log"
    wrong=1
  fi
  verdict "$name" $wrong "$scratch/log"
}

configure() {
  cmake -S "$1" -B "$2" -G Ninja -DCMAKE_CXX_COMPILER="$3" "${@:4}"
}

# --- layers: a small project with the same rules ---------------------------------------------------------------------
layers=$scratch/layers
cp -r "$here/layers" "$layers"
sed -i "s|@ROOT@|$root|" "$layers/CMakeLists.txt"
if ! configure "$layers" "$scratch/build" clang++-19 >"$scratch/log" 2>&1; then
  verdict "the small project is configured" 1 "$scratch/log"
fi
target() { cmake --build "$scratch/build" --target "$1"; }
succeeds "a layer includes the layers that it names" target tidings_high
stops "an upward #include does not compile" "tidings/high/high.hpp' file not found|tidings/high/high.hpp: No such file" \
  target tidings_upward
stops "an #include of a lower layer that is not named does not compile" "tidings/middle/middle.hpp' file not found" \
  target tidings_unnamed
stops "an #include of another layer's private header does not compile" "'low_private.hpp' file not found" \
  target tidings_peeking
stops "a public header that does not compile alone is found" "undeclared identifier .std.|unknown type name" \
  target tidings_header_checks
stops "a result that nobody looks at does not compile, awaited or not, unless that is said" \
  "ignoring.cpp:9:.*\[-Werror,-Wunused-result\].*ignoring.cpp:10:.*\[-Werror,-Wunused-result\].* 2 errors generated" \
  target tidings_ignoring
stops "upward DEPS stop the configure step" "layer fence: crossing \(low\) must not depend on high" \
  configure "$layers" "$scratch/upward" clang++-19 -DCROSSING=high
stops "DEPS that are no layer stop the configure step" "layer fence: crossing \(low\) must not depend on nowhere" \
  configure "$layers" "$scratch/nowhere" clang++-19 -DCROSSING=nowhere
stops "a layer that is not in the order stops the configure step" "cellar is no layer" \
  configure "$layers" "$scratch/cellar" clang++-19 -DUNKNOWN_LAYER=cellar

# --- compiler --------------------------------------------------------------------------------------------------------
mkdir "$scratch/probe"
cat >"$scratch/probe/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(probe LANGUAGES CXX)
include("$root/cmake/compiler_probe.cmake")
END
stops "the probe refuses g++ 12, which miscompiles coroutines" "miscompiles coroutines.*apt-get install clang-19" \
  configure "$scratch/probe" "$scratch/probe12" g++-12
succeeds "the probe takes clang 19" configure "$scratch/probe" "$scratch/probe19" clang++-19

# --- this tree -------------------------------------------------------------------------------------------------------
succeeds "every public header compiles alone" "$root/dev" build dev tidings_header_checks
python3 "$here/scan.py" "$root" >"$scratch/scan"
sed '$d' "$scratch/scan"
read -r scan_passed scan_failed < <(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$scratch/scan")
if [ -z "${scan_passed:-}" ]; then
  scan_passed=0
  scan_failed=1
fi
passed=$((passed + scan_passed))
failed=$((failed + scan_failed))

# Each planted violation is found.
succeeds "the scan finds what is planted" python3 "$here/scan_test.py"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
