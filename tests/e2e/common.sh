# Shared by the tests of this folder; to be sourced. Makes $work, removed at the end, and sets $sim.
# shellcheck shell=bash
set -uo pipefail
sim=${1:?the program to test}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset FEDQAT_DATA
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect CODE PATTERN ARGUMENT...: the exit code, and a line of output that holds the pattern.
expect() {
  local code=$1 pattern=$2 actual=0
  shift 2
  [ -n "$pattern" ] || fail "fedqat-sim $*: an empty pattern matches anything"
  "$sim" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null || actual=$?
  if [ "$actual" != "$code" ] || ! grep -qE -- "$pattern" "$work/stdout" "$work/stderr"; then
    fail "fedqat-sim $*: expected exit $code and '$pattern', got exit $actual and:"
    head -n 20 "$work/stdout" "$work/stderr"
  fi
}

# json FILE KEY: the value of the first such key.
json() { sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$1" | head -n 1; }

finish() {
  [ $failures = 0 ] || exit 1
  echo ok
}
