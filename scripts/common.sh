# Shared by the scripts of this folder; to be sourced. Sets `root` and moves there.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '%s\n' "fedqat: $*"; }
fail() {
  printf '%s\n' "fedqat: $*" >&2
  exit 1
}

# Compilers at the same time: one a core, but no more than the memory holds (1 GB each).
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1000000) }' /proc/meminfo 2>/dev/null || true)
  if [ -n "$memory" ] && [ "$memory" -lt "$cores" ]; then cores=$memory; fi
  if [ "$cores" -lt 1 ]; then cores=1; fi
  echo "$cores"
}

# build PRESET [TARGET...]: configured already. Off a terminal Ninja says something only on failure.
build() {
  local preset=$1 quiet=()
  shift
  if [ ! -t 1 ]; then quiet=(-- --quiet); fi
  cmake --build "build/$preset" -j "$(build_jobs)" ${1:+--target "$@"} "${quiet[@]}"
}

# configure PRESET [ARGUMENT...]: shows CMake's messages only if it fails.
configure() {
  local preset=$1 log
  shift
  mkdir -p "build/$preset"
  log=build/$preset/configure.log
  if ! cmake --preset "$preset" "$@" >"$log" 2>&1; then
    cat "$log" >&2
    fail "cmake --preset $preset failed; scripts/install-deps.sh installs what the build needs"
  fi
}

# build_programs yes|no TARGET...: installs the packages if told so, then makes the release build of
# the targets. Tests need more packages; a tree that already builds them keeps doing so.
build_programs() {
  local install=$1
  shift
  if [ "$install" = yes ]; then scripts/install-deps.sh --build; fi
  say "building (some minutes the first time)"
  if [ -f build/release/CMakeCache.txt ]; then configure release; else
    configure release -DBUILD_TESTING=OFF
  fi
  build release "$@"
}

# First comment block of the calling script, as its help.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"; }
