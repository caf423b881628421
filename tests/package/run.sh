#!/usr/bin/env bash
# Installs the libraries out of build/release into a temporary prefix, and uses them from a project outside, all of their headers
# in one program too: with clang, and with g++ 12 under AddressSanitizer, whose coroutines have a defect that the public types
# must not provoke.
#
#   ./run.sh
#
# The last line is "N passed, N failed"; the exit code is not 0 on failure.
set -uo pipefail
cd "$(dirname "$0")" || exit
here=$PWD
build=$(cd ../../build/release && pwd) || exit 1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

# succeeds NAME COMMAND…: counts a test; shows the log of one that failed.
succeeds() {
  local name=$1
  shift
  if "$@" >"$scratch/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $name"
  else
    failed=$((failed + 1))
    echo "FAIL $name"
    tail -n 40 "$scratch/log" | sed 's/^/       /'
    return 1
  fi
}

install_components() {
  local component
  for component in base base_sqlite messaging messaging_sqlite messaging_redis messaging_rabbitmq messaging_open; do
    cmake --install "$build" --prefix "$scratch/prefix" --component $component || return 1
  done
}

# outside FOLDER COMPILER [OPTION…]
outside() {
  local folder=$1 compiler=$2
  shift 2
  cmake -S "$here/outside" -B "$scratch/$folder" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/prefix" \
    -DCMAKE_CXX_COMPILER="$compiler" "$@" && cmake --build "$scratch/$folder" -j 2
}

# take_program INFO FILE: the blocks of docs/messaging.md that begin with ```INFO are one program.
take_program() {
  sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" ../../docs/messaging.md >"$2" && grep -q "int main" "$2"
}

# The program of production does its work, and ends well by SIGTERM. It is looked at for half a minute.
stops_in_good_order() {
  timeout 60 "$scratch/clang/service" "sqlite:$scratch/queues" >"$scratch/service.log" 2>&1 &
  local service=$! look
  for ((look = 0; look < 300; ++look)); do
    ! grep -q "small picture 1" "$scratch/service.log" || break
    sleep 0.1
  done
  kill -TERM "$service"
  wait "$service" && grep -q "small picture 1" "$scratch/service.log"
}

refuses_missing_components() {
  mkdir -p "$scratch/missing"
  cat >"$scratch/missing/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(missing LANGUAGES CXX)
find_package(tidings REQUIRED COMPONENTS teapot)
END
  ! cmake -S "$scratch/missing" -B "$scratch/missing/build" -DCMAKE_CXX_COMPILER=clang++-19 \
    -DCMAKE_PREFIX_PATH="$scratch/prefix" >"$scratch/missing.log" 2>&1 &&
    tr -s ' \n' ' ' <"$scratch/missing.log" | grep -q "has no component teapot"
}

succeeds "the components of messaging are installed" install_components
succeeds "a component that is not there is refused by name" refuses_missing_components
succeeds "the program is taken out of docs/messaging.md" take_program cpp "$scratch/docs.cpp"
succeeds "so is that of production" take_program "cpp service" "$scratch/service.cpp"
succeeds "a project outside finds and links tidings::messaging" outside clang clang++-19 -DCMAKE_BUILD_TYPE=Debug \
  -DDOCS_PROGRAM="$scratch/docs.cpp" -DDOCS_SERVICE="$scratch/service.cpp" &&
  succeeds "its program runs" "$scratch/clang/orders" &&
  succeeds "all headers are one program, and it opens each transport" "$scratch/clang/everything" &&
  succeeds "the program of docs/messaging.md runs" "$scratch/clang/docs" &&
  succeeds "that of production handles a message, and stops in good order" stops_in_good_order
succeeds "it compiles with g++ 12 as C++23" outside gcc g++-12 -DCMAKE_BUILD_TYPE=Debug \
  "-DCMAKE_CXX_FLAGS=-fsanitize=address" &&
  succeeds "its program runs there under AddressSanitizer" "$scratch/gcc/orders" &&
  succeeds "and so does that of all headers" "$scratch/gcc/everything"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
