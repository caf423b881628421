# Configuring and building. To be sourced by ./dev.

jobs=${TIDINGS_JOBS:-2}
# What ccache has to overlook where headers are precompiled: see its manual, "Precompiled headers".
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

# configure PRESET: makes build/PRESET.
configure() {
  local preset=$1
  note "configuring build/$preset"
  # What a configure step that failed left behind is not built upon.
  rm -f "build/$preset/CMakeCache.txt"
  cmake --preset "$preset" >"build/.configure-$preset.log" 2>&1 || {
    cat "build/.configure-$preset.log" >&2
    die "configuring build/$preset failed"
  }
}

# build PRESET [TARGET…]: configures build/PRESET if that was not done, and builds the targets, all if none is named.
build() {
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || configure "$preset"
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  cmake --build "build/$preset" -j "$jobs" "${targets[@]}"
}

format_files() {
  git ls-files --cached --others --exclude-standard -- 'src/*.cpp' 'src/*.hpp' 'examples/*.cpp' 'examples/*.hpp' \
    'bench/*.cpp' 'bench/*.hpp' 'tests/*.cpp' 'tests/*.hpp' 'cmake/*.cpp'
}

format() { format_files | xargs -r clang-format-19 -i; }

# tidy FILE: what clang-tidy finds in it, and one line that says whether it found something.
tidy() {
  local found status=0
  found=$(clang-tidy-19 -p build/lint --quiet --warnings-as-errors='*' "$1" 2>&1) || status=1
  [ $status = 0 ] || printf '%s\n' "$found" | sed '/^[0-9]* warnings\{0,1\} generated\.$/d'
  if [ $status = 0 ]; then echo "ok   $1"; else echo "FAIL $1"; fi
  return $status
}

# lint [FILE…]: all, or these files by clang-tidy alone.
lint() {
  need_packages "${build_packages[@]}" "${lint_packages[@]}"
  local failed=0 files=("$@")
  if [ $# -eq 0 ]; then
    format_files | xargs -r clang-format-19 --dry-run --Werror || failed=1
    # What is sourced is read with what sources it.
    git ls-files '*.sh' dev .ci/run | grep -v '^scripts/\|/support/' | xargs shellcheck -a || failed=1
    # Tests are left out: gtest's macros trip what clang-tidy looks for.
    mapfile -t files < <(git ls-files 'src/*.cpp' 'examples/*.cpp' | grep -v '_test\.cpp$\|/fuzz/\|_suite/')
  fi
  # It has the commands without precompiled headers, so that nothing has to be built. Quick, and knows new files afterwards.
  configure lint
  note "clang-tidy over ${#files[@]} files, $jobs at a time; a file takes some ten seconds"
  export -f tidy
  printf '%s\n' "${files[@]}" | xargs -n 1 -P "$jobs" bash -c 'tidy "$1"' tidy |
    awk -v all=${#files[@]} '/^(ok  |FAIL) / { printf "[%d/%d] %s\n", ++n, all, $0; fflush(); next } { print }' || failed=1
  [ $failed = 0 ] || die "lint found something"
  note "nothing found"
}
