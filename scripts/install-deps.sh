#!/usr/bin/env bash
# Installs the Debian 12 packages fedqat needs. Does nothing when they are there.
#
#   scripts/install-deps.sh --build    what compiles and runs the programs
#   scripts/install-deps.sh [--test]   that, and what compiles and runs the tests (default)
#   scripts/install-deps.sh --lint     also ccache, clang-format and clang-tidy
#   scripts/install-deps.sh --cross    also compilers for ARM and qemu (scripts/test-cross.sh)
#   scripts/install-deps.sh --fuzz     also clang and libFuzzer (scripts/fuzz.sh)
#   scripts/install-deps.sh --list     only prints the names
#
# Works as root or through sudo.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

build_packages="g++ cmake ninja-build protobuf-compiler libprotobuf-dev libssl-dev zlib1g-dev
  libtomlplusplus-dev libcli11-dev nlohmann-json3-dev libsqlite3-dev libasio-dev libcpp-httplib-dev"
test_packages="catch2 libeigen3-dev libbenchmark-dev dataset-fashion-mnist libxnnpack-dev
  libpthreadpool-dev"
lint_packages="git ccache clang-format clang-tidy"
cross_packages="g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static"
fuzz_packages="clang libclang-rt-14-dev"

packages="$build_packages $test_packages"
list=no
for option in "$@"; do
  case $option in
    --build) packages=$build_packages ;;
    --test) ;;
    --lint) packages="$packages $lint_packages" ;;
    --cross) packages="$packages $cross_packages" ;;
    --fuzz) packages="$packages $fuzz_packages" ;;
    --list) list=yes ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "install-deps.sh: unknown option '$option'; see --help" ;;
  esac
done
# shellcheck disable=SC2086 # lists of words
set -- $packages
if [ $list = yes ]; then printf '%s\n' "$@"; exit 0; fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  fail "this is not Debian: install the counterparts of these Debian 12 packages yourself," \
    "then call the script again with --no-install: $*"
fi
missing=()
for package in "$@"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  if [ "$status" != installed ]; then missing+=("$package"); fi
done
if [ ${#missing[@]} = 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null ||
    fail "neither root nor sudo here; ask an administrator to run: apt-get install ${missing[*]}"
  as_root=(sudo)
fi
say "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >"$log" 2>&1 && return
  cat "$log" >&2
  fail "apt-get $1 failed (see above); missing packages: ${missing[*]}"
}
install update
install install -y --no-install-recommends "${missing[@]}"
