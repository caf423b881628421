#!/usr/bin/env bash
# Runs the two clients of the README against a server of their own, and checks what they print and that the README shows
# them as they are. TIDINGS_BIN names another binary. The last line is "N passed, N failed".
cd "$(dirname "$(readlink -f "$0")")"
# shellcheck source=tests/support/runner.sh
. ../../tests/support/runner.sh

tidings=${TIDINGS_BIN:-$root/build/release/bin/tidings}
unset TIDINGS_BIN  # no setting of the server
[ -x "$tidings" ] || fail "no server at $tidings: build it (./dev build), or name one by TIDINGS_BIN"
command -v node >/dev/null || fail "node is missing: install the package nodejs (20.11 or newer)"
install_npm "$root/tests/lib"
# The virtual environment of tests/clients, made as its runner makes it.
venv=$root/build/venv/clients
requirements=$root/tests/clients/python/requirements.txt
mkdir -p "$venv"
(
  exec 9<"$venv"
  flock 9
  sum=$(sha256sum <"$requirements")
  [ "$(cat "$venv/.made_from" 2>/dev/null)" = "$sum" ] && exit 0
  echo "installing the Python packages"
  python3 -m venv "$venv" || fail "no virtual environment: install the package python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
  echo "$sum" >"$venv/.made_from"
)

work=$(mktemp -d)
started=()
finish() {
  [ ${#started[@]} -eq 0 ] || kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# Ports from 32768 on are given to outgoing connections.
port=$((15000 + RANDOM % 17000))
while answers "$port"; do port=$((15000 + RANDOM % 17000)); done
url=http://127.0.0.1:$port
alice=$("$tidings" token alice --name Alice --data "$work/data")
bob=$("$tidings" token bob --name Bob --data "$work/data")
"$tidings" serve --data "$work/data" --listen "127.0.0.1:$port" >"$work/server.log" 2>&1 &
started+=($!)
for _ in $(seq 200); do
  answers "$port" && break
  sleep 0.1
done

passed=0 failed=0
check() {
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok    $what"
  else
    failed=$((failed + 1))
    echo "FAIL  $what"
  fi
}

# prints FILE LINE…: waits until the file holds exactly these lines.
prints() {
  local file=$1 expected
  shift
  expected=$(printf '%s\n' "$@")
  for _ in $(seq 200); do
    [ "$(cat "$file")" = "$expected" ] && return
    sleep 0.1
  done
  echo "expected:" "$expected" "printed:"
  cat "$file" "$file.errors"
  return 1
}

shown() { python3 -c 'import sys; sys.exit(open(sys.argv[1]).read() not in open(sys.argv[2]).read())' "$1" "$root/README.md"; }

links() {
  local link status=0
  while read -r link; do
    [ -e "$root/$link" ] || {
      echo "the README links to $link, which is missing"
      status=1
    }
  done < <(grep -o '](\([^):#]*\))' "$root/README.md" | sed 's/^](//; s/)$//')
  return "$status"
}

# Outside of any package, node looks for modules beside the file.
cp client.mjs "$work/"
ln -s "$root/tests/lib/node_modules" "$work/node_modules"
node "$work/client.mjs" "$url" "$alice" >"$work/js" 2>"$work/js.errors" &
started+=($!)
check "the JavaScript client sends" prints "$work/js" "alice: hello from JavaScript"
"$venv/bin/python" client.py "$url" "$bob" >"$work/py" 2>"$work/py.errors" &
started+=($!)
check "the Python client gets what was said before, and sends" \
  prints "$work/py" "alice: hello from JavaScript" "bob: hello from Python"
check "the JavaScript client gets the answer" prints "$work/js" "alice: hello from JavaScript" "bob: hello from Python"
check "the README shows client.mjs" shown client.mjs
check "the README shows client.py" shown client.py
check "the README's links lead somewhere" links

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
