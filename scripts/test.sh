# ./dev test: runs every part, sums what they count and ends with "N passed, N failed". To be sourced by ./dev.
#
# A part fails the run if one of its tests failed, if it ended with an error, or if it ran no test at all.

sanitizer_environment() {
  export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1}
  export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
  export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
}

logs=build/test
total_passed=0
total_failed=0
summary=()

# part NAME FUNCTION [ARGUMENT…]: runs the function with its output shown and kept in build/test/NAME.log. It must
# print "N passed, N failed" as its last line; a function named build_… counts nothing.
part() {
  local name=$1 function=$2
  shift 2
  local log=$logs/$name.log began status=0 passed=0 failed=0 note=""
  printf '\n== %s\n' "$name"
  began=$(date +%s.%N)
  ("$function" "$@") 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
  local seconds
  seconds=$(awk -v from="$began" -v to="$(date +%s.%N)" 'BEGIN { printf "%.1f", to - from }')
  if [[ $function == build_* ]]; then
    if [ "$status" != 0 ]; then
      failed=1
      note="did not build"
    fi
  else
    read -r passed failed < <(tail -n 1 "$log" | sed -n 's/^\([0-9]\{1,\}\) passed, \([0-9]\{1,\}\) failed$/\1 \2/p') || true
    if [ -z "$passed" ] || [ -z "$failed" ]; then
      passed=0
      failed=1
      note="gave no result (exit code $status)"
    elif [ "$status" != 0 ] && [ "$failed" = 0 ]; then
      failed=1
      note="exit code $status"
    elif [ "$((passed + failed))" = 0 ]; then
      failed=1
      note="ran no test"
    fi
  fi
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
  summary+=("$(printf '%-14s %8s s %7d passed %4d failed  %s' "$name" "$seconds" "$passed" "$failed" "$note")")
  printf -- '-- %s\n' "${summary[-1]}"
}

build_dev() { build dev; }
build_release() { build release; }
build_apart() { build apart; }

unit_tests() {
  local log=$logs/ctest.log status=0 but=(--label-exclude full)
  [ -z "${TIDINGS_TEST_FULL:-}" ] || but=()
  ctest --test-dir build/dev "${but[@]}" -j "$jobs" --output-on-failure --no-tests=error 2>&1 | tee "$log" |
    awk '/^ *Start +[0-9]+:/ { next } / Passed / { if (++done % 100 == 0) print; fflush(); next } { print; fflush() }' ||
    status=${PIPESTATUS[0]}
  # "98% tests passed, 2 tests failed out of 100"; skipped ones count as neither.
  local all failed skipped
  read -r failed all < <(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests\{0,1\} failed out of \([0-9]*\)$/\1 \2/p' "$log") || true
  [ -n "${all:-}" ] || return 1
  skipped=$(grep -c '\*\*\*Skipped' "$log" || true)
  echo "$((all - failed - skipped)) passed, $failed failed"
  return "$status"
}

# runner FOLDER [ARGUMENT…]
runner() {
  local script=tests/$1/run.sh
  shift
  if [ ! -x "$script" ]; then
    echo "$script is missing"
    return 1
  fi
  "./$script" "$@"
}

tsan_tests=(base_test base_sqlite_test eventing_test realtime_test sqlite_test chat_sqlite_test messaging_sqlite_test)
# Of those that would take too long, the part in which threads meet.
declare -A tsan_part=(
  [messaging_sqlite_test]='Sqlite/*/virtual:Sqlite/RouterSuite*:Sqlite/InboxSuite*:SqliteInboxTest*:SqliteInboxCrash.*:SqliteOutboxTest*:SqliteTransport.*'
)

# ThreadSanitizer over the layers that share data between threads.
thread_tests() {
  build tsan "${tsan_tests[@]}" || return 1
  local passed=0 failed=0 test status log ran lost
  for test in "${tsan_tests[@]}"; do
    log=$logs/tsan-$test.log
    status=0
    # The usual sizes in --full too: it is where threads meet that counts.
    env -u TIDINGS_TEST_FULL "build/tsan/bin/$test" --gtest_brief=1 --gtest_filter="${tsan_part[$test]:-*}" >"$log" 2>&1 || status=$?
    ran=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests\{0,1\}\.$/\1/p' "$log" | tail -n 1)
    lost=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) tests\{0,1\}, listed below:$/\1/p' "$log" | tail -n 1)
    lost=${lost:-0}
    if [ "$status" != 0 ] && [ "$lost" = 0 ] || [ "${ran:-0}" = 0 ]; then lost=$((lost + 1)); fi
    [ "$lost" = 0 ] || tail -n 100 "$log"
    echo "$test: ${ran:-0} passed, $lost failed"
    passed=$((passed + ${ran:-0}))
    failed=$((failed + lost))
  done
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

# FOLDER PATTERN: tests whose processes have threads that meet.
tsan_server_tests=(
  "queue inside" "queue embedded" "queue amqp" "queue relay" "queue sends" "queue webhook" "queue archive" "queue analytics"
  "queue push" "queue bridge" "e2e races" "e2e recovery" "e2e sockets" "e2e operations"
)

# ThreadSanitizer over the server, the commands and the workers as they run: loop, writer, relay, the queues inside.
server_thread_tests() {
  build tsan tidings || return 1
  local reports=$PWD/$logs/tsan-server passed=0 failed=0 test folder pattern log status ran lost report
  rm -rf "$reports"
  mkdir -p "$reports"
  export TIDINGS_BIN=$PWD/build/tsan/bin/tidings
  # Into files: a test may have killed, or not looked at, the process that met itself.
  export TSAN_OPTIONS=$TSAN_OPTIONS:log_path=$reports/report
  for test in "${tsan_server_tests[@]}"; do
    read -r folder pattern <<<"$test"
    log=$reports/$folder-$pattern.log
    status=0
    runner "$folder" "$pattern" >"$log" 2>&1 || status=$?
    read -r ran lost < <(tail -n 1 "$log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p') || true
    lost=${lost:-0}
    if [ "$status" != 0 ] && [ "$lost" = 0 ] || [ "${ran:-0}" = 0 ]; then lost=$((lost + 1)); fi
    [ "$lost" = 0 ] || cat "$log"
    echo "$folder $pattern: ${ran:-0} passed, $lost failed"
    passed=$((passed + ${ran:-0}))
    failed=$((failed + lost))
  done
  for report in "$reports"/report.*; do
    [ -e "$report" ] || continue
    printf '%s:\n' "$report"
    cat "$report"
    failed=$((failed + 1))
  done
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}

# test_all [--full]
test_all() {
  local full=()
  if [ "${1:-}" = --full ]; then
    full=(--full)
    export TIDINGS_TEST_FULL=1  # of the unit tests
  fi
  need_packages "${build_packages[@]}" "${test_packages[@]}" "${browser_packages[@]}"
  need_node
  [ ${#full[@]} -eq 0 ] || need_full
  sanitizer_environment
  rm -rf "$logs"
  mkdir -p "$logs"
  local began=$SECONDS

  part build-dev build_dev
  part unit unit_tests
  part build-release build_release
  part dev runner dev
  part fences runner fences
  part package runner package
  part protocol runner protocol
  part clients runner clients "${full[@]}"
  part e2e runner e2e "${full[@]}"
  part browser runner browser
  part readme runner ../examples/readme
  part examples runner examples
  part queue runner queue
  part kill runner kill
  part kill-fault runner kill --fault
  part fuzz-corpus runner fuzz --corpus
  part tsan thread_tests
  if [ ${#full[@]} -gt 0 ]; then
    part tsan-server server_thread_tests
    part build-apart build_apart
  fi

  printf '\n== all parts, %d s; their output is kept in %s\n' "$((SECONDS - began))" "$logs"
  printf '%s\n' "${summary[@]}"
  printf '%d passed, %d failed\n' "$total_passed" "$total_failed"
  [ "$total_failed" = 0 ] && [ "$total_passed" -gt 0 ]
}
