#!/bin/sh
# Shows that the load generator's findings can be trusted: it must report a server that loses, doubles or reorders
# messages, and find nothing at a healthy one. Exit 0 only if so.
# Usage: bench/selfcheck.sh [folder with bench_limit and bench_load]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/../build/release/bin}
for program in bench_limit bench_load; do
  [ -x "$bin/$program" ] || { echo "selfcheck: no $program in $bin: build it first (./dev build)" >&2; exit 2; }
done
folder=$(mktemp -d)
server=
stop() { [ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null || true; server=; }
trap 'stop; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
failures=0

# Starts bench_limit on a free port with the given options, leaving $server and $port.
start() {
  for attempt in 1 2 3 4 5; do
    port=$((20000 + ($$ * 7 + attempt * 997 + runs * 31) % 12000))
    "$bin/bench_limit" --port "$port" "$@" 2>"$folder/server" &
    server=$!
    sleep 0.1
    kill -0 "$server" 2>/dev/null && return
  done
  cat "$folder/server" >&2
  exit 1
}

# check WHAT EXPECTED PROTOCOL SCENARIO [server options]: EXPECTED is lost, doubled, reordered or nothing.
runs=0
check() {
  what=$1 expected=$2 protocol=$3 scenario=$4
  shift 4
  runs=$((runs + 1))
  start "$@"
  # shellcheck disable=SC2086
  "$bin/bench_load" $scenario --protocol "$protocol" --port "$port" --pid "$server" \
    --seconds 0.25 --warmup 0 --drain 0.25 >"$folder/line" || echo "{}" >"$folder/line"
  stop
  for finding in lost doubled reordered strange refused unacknowledged disconnected; do
    count=$(sed -n "s/.*\"$finding\":\([0-9]*\).*/\1/p" "$folder/line")
    if [ "$finding" = "$expected" ]; then wrong=$([ "${count:-0}" -gt 0 ] && echo no || echo yes)
    else wrong=$([ "${count:-none}" = 0 ] && echo no || echo yes); fi
    if [ "$wrong" = yes ]; then
      echo "selfcheck: FAILED $what, $protocol, ${scenario%% *}: $finding is ${count:-missing}, expected $expected"
      failures=$((failures + 1))
    fi
  done
  [ -n "$(sed -n 's/.*"deliveries":[1-9].*/some/p' "$folder/line")" ] || {
    echo "selfcheck: FAILED $what, $protocol, ${scenario%% *}: nothing was delivered"
    failures=$((failures + 1))
  }
}

fanout="fanout --members 50 --window 8"
rooms="rooms --rooms 20 --members 5 --senders 10 --window 4"
for protocol in limit socketio; do
  check "healthy server" nothing "$protocol" "$fanout"
  check "healthy server" nothing "$protocol" "$rooms"
  check "losing server" lost "$protocol" "$fanout" --fault lose
  check "losing server" lost "$protocol" "$rooms" --fault lose
  check "doubling server" doubled "$protocol" "$fanout" --fault double
  check "doubling server" doubled "$protocol" "$rooms" --fault double
  check "reordering server" reordered "$protocol" "$fanout" --fault reorder
done
check "healthy durable server" nothing limit "$rooms" --durable "$folder/messages.db"

if [ "$failures" -gt 0 ]; then exit 1; fi
echo "selfcheck: the generator reports what is lost, doubled and reordered, and nothing else ($runs runs)"
