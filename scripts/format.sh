#!/usr/bin/env bash
# Formats every C++ file of the repository with clang-format.
#
#   scripts/format.sh           rewrites them
#   scripts/format.sh --check   names those that differ, and fails if there are any
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  --check) mode=(--dry-run --Werror) ;;
  "") mode=(-i) ;;
  -h | --help) print_help; exit 0 ;;
  *) fail "format.sh: unknown option '$1'; see --help" ;;
esac
command -v clang-format >/dev/null || fail "clang-format is missing: scripts/install-deps.sh --lint"
git ls-files -z '*.h' '*.cc' | xargs -0 clang-format "${mode[@]}"
