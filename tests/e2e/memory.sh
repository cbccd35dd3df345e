#!/usr/bin/env bash
# Ten thousand clients in the memory of the model: configs/many-clients.toml stays below 300 MB, and
# more rounds need no more. Skips (77) without Fashion-MNIST.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

config=$(dirname "${BASH_SOURCE[0]}")/../../configs/many-clients.toml
if ! "$sim" partition "$config" --show 1 >"$work/stdout" 2>"$work/stderr"; then
  if grep -q 'set data.dir, --data or FEDQAT_DATA' "$work/stderr"; then
    echo "skipped: no Fashion-MNIST; apt-get install dataset-fashion-mnist"
    exit 77
  fi
  fail "many-clients.toml: $(cat "$work/stderr")"
  finish
fi

# Rounds in every phase: warm-up, observation, integers.
for rounds in 6 12; do
  expect 0 '^test accuracy' run "$config" --out "$work/$rounds" --quiet --threads 2 \
    --set run.rounds=$rounds --set quant.warmup_rounds=2 --set sim.eval_every=3
done
few=$(json "$work/6/report.json" peak_rss_bytes)
many=$(json "$work/12/report.json" peak_rss_bytes)
echo "peak memory: $few B after 6 rounds, $many B after 12"
[ "${few:-0}" -gt 0 ] && [ "${many:-0}" -gt 0 ] || fail "no peak_rss_bytes in report.json"
[ "${many:-0}" -le 300000000 ] || fail "10,000 clients need more than 300 MB"
[ $((${many:-0} * 100)) -le $((${few:-0} * 105)) ] || fail "twice the rounds need over 5 % more"
finish
