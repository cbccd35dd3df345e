#!/usr/bin/env bash
# Builds the client for devices (preset small) and demands that, stripped, it has at most 8 MB,
# needs no library but glibc's, and runs.
#
#   scripts/check-small.sh [--no-install]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

install=yes
for option in "$@"; do
  case $option in
    --no-install) install=no ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "check-small.sh: unknown option '$option'; see --help" ;;
  esac
done
if [ $install = yes ]; then scripts/install-deps.sh --build; fi

most=8000000
say "building the small client"
configure small
build small fedqat-client
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
strip -o "$out/fedqat-client" build/small/client/fedqat-client
size=$(stat -c %s "$out/fedqat-client")
[ "$size" -le $most ] || fail "the client has $size bytes stripped, more than $most"
others=$(readelf -d "$out/fedqat-client" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
  grep -vE '^(libc|libm|ld-linux[-a-z0-9_]*)\.so\.[0-9]+$' || true)
[ -z "$others" ] || fail "the client needs more than glibc: $others"
"$out/fedqat-client" --version >/dev/null || fail "the client does not run"
say "the client has $size bytes stripped and needs nothing but glibc"
