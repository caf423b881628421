#!/usr/bin/env bash
# How ./dev gets what it needs, on machines that are played by stubs: as root, with sudo, without either, without apt, and
# with all of it there. The last line is "N passed, N failed"; the exit code is not 0 on failure.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# stub NAME SCRIPT: a program of the machine that is played.
stub() {
  printf '#!/bin/bash\n%s\n' "$2" >"$machine/$1"
  chmod +x "$machine/$1"
}

# A machine with nothing but what is named, where clang-19 is installed and lld-19 is not.
begin() {
  machine=$work/machine
  rm -rf "$machine" "$work/calls"
  mkdir -p "$machine" "$work/build"
  : >"$work/calls"
  for tool in bash env grep awk tee cat; do ln -s "$(command -v "$tool")" "$machine/$tool"; done
  stub id 'echo 0'
  stub dpkg-query 'echo "ii clang-19"; [ ! -e '"$work"'/installed ] || echo "ii lld-19"; exit 1'
  stub apt-get "echo \"apt-get \$*\" >>$work/calls"
  rm -f "$work/installed"
}

# expect WHAT CODE WORDS [CALLS]: need_packages ends so, says so, and calls so.
expect() {
  local what=$1 code=$2 words=$3 calls=${4:-} status=0 said
  said=$(cd "$work" && env -i PATH="$machine" bash -c '
    set -euo pipefail
    note() { printf "dev: %s\n" "$*"; }
    die() { note "$*"; exit 1; }
    . "$1/scripts/packages.sh"
    need_packages clang-19 lld-19
    echo done' bash "$root" 2>&1) || status=$?
  if [ "$status" = "$code" ] && grep -q -- "$words" <<<"$said" && [ "$(cat "$work/calls")" = "$calls" ]; then
    passed=$((passed + 1))
    echo "ok   $what"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: exit code %s\n%s\ncalls:\n%s\n' "$what" "$status" "$said" "$(cat "$work/calls")"
  fi
}

install="apt-get install -q -y --no-install-recommends"

begin
touch "$work/installed"
expect "asks nobody when all is there" 0 "^done$"

begin
expect "installs what is missing, and that alone, as root" 0 "installing 1 Debian packages: lld-19" "$install lld-19"

begin
stub id 'echo 1000'
stub sudo "echo sudo >>$work/calls; \"\$@\""
expect "uses sudo where it is not root" 0 "installing 1 Debian packages" "sudo
$install lld-19"

begin
stub id 'echo 1000'
expect "names the packages where it is neither root nor has sudo" 1 "without root or sudo.*apt-get install lld-19"

begin
rm "$machine/apt-get"
expect "says that this is no Debian, and goes on" 0 "this is no Debian.*clang-19 lld-19"

begin
stub apt-get "echo \"apt-get \$*\" >>$work/calls; [ -e $work/fresh ] || { [ \"\$1\" = update ] && : >$work/fresh; }"
expect "asks for newer lists where a package is not found" 0 "asking for the newest package lists" "$install lld-19
apt-get update -q
$install clang-19 lld-19"
rm -f "$work/fresh"

begin
stub apt-get "echo \"apt-get \$*\" >>$work/calls; exit 100"
expect "says what to look at where there is no network" 1 "apt-get update failed: is there a network" "$install lld-19
apt-get update -q"

# refuses WHAT WORDS ARGUMENT…: ./dev with these arguments does nothing but say so.
refuses() {
  local what=$1 words=$2 said status=0
  shift 2
  said=$("$root/dev" "$@" 2>&1) || status=$?
  if [ "$status" != 0 ] && grep -q -- "$words" <<<"$said"; then
    passed=$((passed + 1))
    echo "ok   $what"
  else
    failed=$((failed + 1))
    printf 'FAIL %s: exit code %s\n%s\n' "$what" "$status" "$said"
  fi
}
refuses "refuses an unknown command" "there is no command nonsense" nonsense
refuses "refuses an unknown preset" "there is no preset nonsense" build nonsense
refuses "refuses an unknown option of test" "usage: ./dev test" test --nonsense

# What CI runs is ./dev test, and every part has a runner.
if grep -q '^exec ./dev test$\|^./dev test$' "$root/.ci/run"; then
  passed=$((passed + 1))
  echo "ok   .ci/run runs ./dev test"
else
  failed=$((failed + 1))
  echo "FAIL .ci/run runs ./dev test"
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
