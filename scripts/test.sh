#!/usr/bin/env bash
# Installs the packages, builds everything and runs the tests with CTest.
#
#   scripts/test.sh [--preset release|dev|asan|tsan] [--label REGEX] [--no-install]
#
#   --preset P     which build (default: release)
#   --label R      only tests with a label that matches R, such as unit or e2e
#   --no-install   leaves the system's packages alone
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=release
select=()
install=yes
while [ $# -gt 0 ]; do
  case $1 in
    --preset) [ $# -ge 2 ] || fail "--preset needs a name"; preset=$2; shift ;;
    --label) [ $# -ge 2 ] || fail "--label needs an expression"; select=(-L "$2"); shift ;;
    --no-install) install=no ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "test.sh: unknown option '$1'; see --help" ;;
  esac
  shift
done
case $preset in
  release | dev | asan | tsan) ;;
  *) fail "test.sh: unknown preset '$preset'; there are release, dev, asan and tsan" ;;
esac

if [ $install = yes ]; then scripts/install-deps.sh --test; fi
say "building $preset"
configure "$preset" -DBUILD_TESTING=ON
build "$preset"
ctest --preset "$preset" -j "$(build_jobs)" --no-tests=error "${select[@]}"
