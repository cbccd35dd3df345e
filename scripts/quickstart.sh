#!/usr/bin/env bash
# From a fresh Debian 12 to an int8 model learnt by many clients: installs the packages, builds
# Release into build/release, and runs configs/quickstart.toml and its fp32 twin.
#
#   scripts/quickstart.sh [--out DIR] [--no-install]
#
#   --out DIR      where the run goes (default: fedqat-run-quickstart in the repository)
#   --no-install   leaves the system's packages alone
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

out=$root/fedqat-run-quickstart
install=yes
while [ $# -gt 0 ]; do
  case $1 in
    --out) [ $# -ge 2 ] || fail "--out needs a folder"; out=$2; shift ;;
    --no-install) install=no ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "quickstart.sh: unknown option '$1'; see --help" ;;
  esac
  shift
done

build_programs $install fedqat-sim
build/release/sim/fedqat-sim run configs/quickstart.toml --out "$out" --fp32-twin
