#!/usr/bin/env bash
# Builds the fuzz targets (preset fuzz: libFuzzer, ASan, UBSan) and runs each.
#
#   ./run.sh --corpus                  over its kept inputs, tests/fuzz/corpus/NAME/, once: the default
#   ./run.sh --seconds N [NAME…]       for N seconds from there; what it finds stays in build/fuzz/
#   ./run.sh --keep [NAME…]            puts those finds that reach new code into the kept inputs
#
# An input counts as one test. The last line is "N passed, N failed"; the exit code is not 0 on failure.
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit

mode=${1:---corpus}
seconds=0
[ $# -eq 0 ] || shift
case $mode in
  --corpus | --keep) ;;
  --seconds)
    seconds=${1:?--seconds needs a number}
    shift
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

./dev build fuzz fuzzers || exit 1
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
mkdir -p build/fuzz/found build/fuzz/crashes
passed=0
failed=0

# fuzz NAME
fuzz() {
  local name=$1 binary=build/fuzz/bin/$1 kept=tests/fuzz/corpus/$1 found=build/fuzz/found/$1 log=build/fuzz/$1.log
  local inputs status=0 options=(-artifact_prefix="build/fuzz/crashes/$1-" -timeout=10 -rss_limit_mb=2048)
  mkdir -p "$found"
  inputs=$(find "$kept" -type f 2>/dev/null | wc -l)
  if [ ! -x "$binary" ]; then
    echo "FAIL $name is no fuzz target"
    failed=$((failed + 1))
    return
  fi
  if [ "$inputs" = 0 ]; then
    echo "FAIL $name has no inputs in $kept"
    failed=$((failed + 1))
    return
  fi
  [ ! -f "tests/fuzz/$name.dict" ] || options+=(-dict="tests/fuzz/$name.dict")
  case $mode in
    --corpus) "$binary" "${options[@]}" -runs=0 "$kept" >"$log" 2>&1 || status=$? ;;
    --keep) "$binary" "${options[@]}" -merge=1 "$kept" "$found" >"$log" 2>&1 || status=$? ;;
    --seconds)
      echo "     $name runs for $seconds s"
      "$binary" "${options[@]}" -max_total_time="$seconds" "$found" "$kept" >"$log" 2>&1 || status=$?
      grep -E '^(stat|#[0-9]+.*DONE)' "$log" | sed 's/^/     /'
      ;;
  esac
  if [ "$status" = 0 ]; then
    echo "ok   $name, $inputs kept inputs"
    passed=$((passed + inputs))
  else
    echo "FAIL $name (exit code $status; the input is in build/fuzz/crashes/)"
    tail -n 60 "$log" | sed 's/^/       /'
    failed=$((failed + 1))
  fi
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
  for source in src/*/fuzz/*_fuzz.cpp src/*/*/fuzz/*_fuzz.cpp; do
    [ ! -e "$source" ] || names+=("$(basename "$source" .cpp)")
  done
fi
for name in "${names[@]}"; do fuzz "$name"; done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
