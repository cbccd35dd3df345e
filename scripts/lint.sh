#!/usr/bin/env bash
# Runs clang-tidy over the sources (not the tests), as .clang-tidy says. Needs
# scripts/install-deps.sh --lint.
#
#   scripts/lint.sh [FILE...]   default: every source
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then print_help; exit 0; fi
command -v clang-tidy >/dev/null || fail "clang-tidy is missing: scripts/install-deps.sh --lint"
# A tree of its own: clang reads neither GCC's flags for precompiled headers nor all its warnings.
cmake -S . -B build/lint -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_TESTING=OFF \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
# Protobuf's sources must be there before anything includes them.
ninja -C build/lint -t targets all | sed -n 's/^\(.*\.pb\.h\): CUSTOM_COMMAND$/\1/p' |
  xargs ninja -C build/lint --quiet
if [ $# = 0 ]; then
  mapfile -t files < <(git ls-files 'common/*.cc' 'client/*.cc' 'coordinator/*.cc' 'sim/*.cc')
  set -- "${files[@]}"
fi
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(build_jobs)" clang-tidy -p build/lint --quiet
