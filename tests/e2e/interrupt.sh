#!/usr/bin/env bash
# Ctrl-C ends a run after its round with everything written and exit code 130; twice ends at once.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

printf '[run]\nrounds = 100000\n[sim]\nthreads = 1\n' >"$work/endless.toml"

# start: runs it, and waits until the first round has been reported.
start() {
  "$sim" run "$work/endless.toml" --out "$work/out" >"$work/stdout" 2>"$work/stderr" </dev/null &
  pid=$!
  for _ in $(seq 600); do
    if grep -q 'round 1/' "$work/stderr"; then return; fi
    if ! kill -0 $pid 2>/dev/null; then break; fi
    sleep 0.1
  done
  fail "no round within a minute:"
  cat "$work/stderr"
  finish
}

start
kill -INT $pid
wait $pid
code=$?
[ $code = 130 ] || fail "expected exit 130, got $code: $(cat "$work/stderr")"
grep -q 'Ctrl-C again' "$work/stderr" || fail "the first Ctrl-C says nothing"
grep -q '^test accuracy' "$work/stdout" || fail "no summary of the rounds done"
grep -q '"status": "interrupted"' "$work/out/manifest.json" || fail "manifest says nothing of it"
[ -s "$work/out/report.html" ] || fail "report.html was not written"

start
kill -INT $pid
kill -INT $pid
wait $pid
code=$?
[ $code = 130 ] || fail "the second Ctrl-C: expected exit 130, got $code"
finish
