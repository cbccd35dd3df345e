#!/usr/bin/env bash
# Ctrl-C ends a run after its round with everything written and exit code 130; twice ends at once.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

printf '[run]\nrounds = 100000\n[quant]\nwarmup_rounds = 99000\n[sim]\nthreads = 1\n' >"$work/endless.toml"

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
grep -q 'stopped before quantization began' "$work/stdout" || fail "an fp32 model passes for int8"
[ "$(json "$work/out/report.json" weight_bits)" = 32 ] || fail "weight_bits of an fp32 model"
[ -s "$work/out/report.html" ] || fail "report.html was not written"

# The second one comes in the middle of a round that takes many seconds.
printf '[client]\nepochs = 1000\nbatch = 1\n[sim]\nthreads = 1\n' >"$work/slow.toml"
"$sim" run "$work/slow.toml" --out "$work/cut" >"$work/stdout" 2>"$work/stderr" </dev/null &
pid=$!
# wait_for PATTERN FILE
wait_for() {
  for _ in $(seq 600); do
    if grep -qs -- "$1" "$2"; then return; fi
    sleep 0.1
  done
  fail "no '$1' in $2 within a minute"
}
wait_for running "$work/cut/manifest.json"
kill -INT $pid
wait_for 'Ctrl-C again' "$work/stderr"
kill -INT $pid
wait $pid
code=$?
[ $code = 130 ] || fail "the second Ctrl-C: expected exit 130, got $code"
[ ! -s "$work/stdout" ] || fail "the second Ctrl-C still waits for the summary"
[ ! -e "$work/cut/report.html" ] || fail "the second Ctrl-C still waits for the report"
finish
