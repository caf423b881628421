# Configuring and building. To be sourced by ./dev.

jobs=${TIDINGS_JOBS:-2}
# What ccache has to overlook where headers are precompiled: see its manual, "Precompiled headers".
export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS:-pch_defines,time_macros}

# build PRESET [TARGET…]: configures build/PRESET if that was not done, and builds the targets, all if none is named.
build() {
  local preset=$1
  shift
  if [ ! -f "build/$preset/build.ninja" ]; then
    note "configuring build/$preset"
    # What a configure step that failed left behind is not built upon.
    rm -f "build/$preset/CMakeCache.txt"
    cmake --preset "$preset" >"build/.configure-$preset.log" 2>&1 || {
      cat "build/.configure-$preset.log" >&2
      die "configuring build/$preset failed"
    }
  fi
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  cmake --build "build/$preset" -j "$jobs" "${targets[@]}"
}

format_files() {
  git ls-files --cached --others --exclude-standard -- 'src/*.cpp' 'src/*.hpp' 'examples/*.cpp' 'examples/*.hpp' \
    'bench/*.cpp' 'bench/*.hpp' 'tests/*.cpp' 'tests/*.hpp' 'cmake/*.cpp'
}

format() { format_files | xargs -r clang-format-19 -i; }

lint() {
  need_packages "${build_packages[@]}" "${lint_packages[@]}"
  local failed=0
  format_files | xargs -r clang-format-19 --dry-run --Werror || failed=1
  bash -n dev .ci/run scripts/*.sh tests/*/run.sh || failed=1
  build dev || die "clang-tidy needs a tree that builds"
  # Tests are left out: gtest's macros trip what clang-tidy looks for.
  git ls-files 'src/*.cpp' 'examples/*.cpp' | grep -v '_test\.cpp$\|/fuzz/\|_suite/' |
    xargs -r -n 4 -P "$jobs" clang-tidy-19 -p build/dev --quiet --warnings-as-errors='*' || failed=1
  [ $failed = 0 ] || die "lint found something"
  note "nothing found"
}
