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

# build PRESET [TARGET…]: configures build/PRESET if that was not done, or with other presets than these, and builds the targets,
# all if none is named.
build() {
  local preset=$1
  shift
  [ "build/$preset/build.ninja" -nt CMakePresets.json ] || configure "$preset"
  local targets=()
  [ $# -eq 0 ] || targets=(--target "$@")
  cmake --build "build/$preset" -j "$jobs" "${targets[@]}"
}

format_files() {
  git ls-files --cached --others --exclude-standard -- 'src/*.cpp' 'src/*.hpp' 'examples/*.cpp' 'examples/*.hpp' \
    'bench/*.cpp' 'bench/*.hpp' 'tests/*.cpp' 'tests/*.hpp' 'cmake/*.cpp'
}

format() { format_files | xargs -r clang-format-19 -i; }

# tidy UNIT: what clang-tidy finds in it, and one line that says whether it found something.
tidy() {
  local found status=0
  found=$(clang-tidy-19 -p build/lint --quiet --warnings-as-errors='*' "$1" 2>&1) || status=1
  [ $status = 0 ] || printf '%s\n' "$found" | sed '/^[0-9]* warnings\{0,1\} generated\.$/d'
  if [ $status = 0 ]; then echo "ok   ${1#"$PWD"/}"; else echo "FAIL ${1#"$PWD"/}"; fi
  return $status
}

# tidy_units [FILE…]: the compilations of build/lint that clang-tidy reads, all or those that these files are in: most are of
# several sources, whose headers are then read once. Tests are left out: gtest's macros trip what clang-tidy looks for.
tidy_units() {
  local units file
  mapfile -t units < <(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' build/lint/compile_commands.json | sort -u |
    grep '/src/\|/examples/' | grep -v '_test\.\(cpp$\|dir/\)\|_suite\.dir/\|_headers\.dir/\|/tidings_precompiled_\|/header_checks/\|/fuzz/')
  if [ $# -eq 0 ]; then
    printf '%s\n' "${units[@]}"
    return
  fi
  for file in "$@"; do
    grep -lF "/${file#./}\"" "${units[@]}" || die "$file is in no compilation that lint reads"
  done | sort -u
}

# numbered ALL: its input, where each line that says ok or FAIL gets its number. Line by line, which Debian's awk is not.
numbered() {
  local line done=0
  while IFS= read -r line; do
    [[ $line == "ok   "* || $line == "FAIL "* ]] && line="[$((++done))/$1] $line"
    printf '%s\n' "$line"
  done
}

# lint [FILE…]: all, or what these files are compiled with by clang-tidy alone.
lint() {
  need_packages "${build_packages[@]}" "${lint_packages[@]}"
  local failed=0 units
  if [ $# -eq 0 ]; then
    format_files | xargs -r clang-format-19 --dry-run --Werror || failed=1
    # What is sourced is read with what sources it.
    git ls-files '*.sh' dev .ci/run | grep -v '^scripts/\|/support/' | xargs shellcheck -a || failed=1
  fi
  # It has the commands without precompiled headers, so that nothing has to be built. Quick, and knows new files afterwards.
  configure lint
  cmake --build build/lint --target src/app/web_assets.cpp >/dev/null  # which is generated
  units=$(tidy_units "$@")
  mapfile -t units <<<"$units"
  note "clang-tidy over ${#units[@]} compilations, $jobs at a time; one takes some twenty seconds"
  export -f tidy
  printf '%s\n' "${units[@]}" | xargs -n 1 -P "$jobs" bash -c 'tidy "$1"' tidy |
    numbered ${#units[@]} || failed=1
  [ $failed = 0 ] || die "lint found something"
  note "nothing found"
}
