#!/usr/bin/env bash
# Installs the packages, builds everything and runs the tests with CTest.
#
#   scripts/test.sh [--preset release|dev|asan|tsan] [--label L] [--no-install]
#
#   --preset P     which build (default: release)
#   --label L      builds and runs only tests with this label: unit, kernels, fuzz, dst, threads (what
#                  ThreadSanitizer is for), e2e
#   --no-install   leaves the system's packages alone
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=release
label=
select=()
target=()
install=yes
while [ $# -gt 0 ]; do
  case $1 in
    --preset) [ $# -ge 2 ] || fail "--preset needs a name"; preset=$2; shift ;;
    --label) [ $# -ge 2 ] || fail "--label needs a name"; label=$2; select=(-L "^$2\$"); shift ;;
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
# Programs of other tests are left out where a label's own are known.
if [ -n "$label" ] && ninja -C "build/$preset" -t query "tests_$label" >/dev/null 2>&1; then
  target=("tests_$label")
fi
build "$preset" "${target[@]}"
ctest --preset "$preset" -j "$(build_jobs)" --no-tests=error "${select[@]}"
