#!/usr/bin/env bash
# The comparison with PyTorch runs and prints its table, and so does that with ONNX Runtime where
# scripts/bench-peers.sh has installed it; skipped where PyTorch is not there. How fast they are
# does not matter here. To be called with the client.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
export PYTHONDONTWRITEBYTECODE=1
client=$sim
sim=python3
"$sim" -c 'import torch' 2>/dev/null || sim=/usr/bin/python3
node --check tests/bench/peers/onnx_inference.js 2>"$work/stderr" || [ $? = 127 ] ||
  fail "$(cat "$work/stderr")"
if grep -n '"resolved"' tests/bench/peers/package-lock.json; then
  fail "package-lock.json names a registry"
fi
compare=(tests/bench/peers/compare.py --client "$client" --any-blas)

if ! "$sim" -c 'import torch' 2>/dev/null; then
  if command -v "$sim" >/dev/null; then
    expect 77 'PyTorch is not there: apt-get install python3-torch' "${compare[@]}"
    finish
  fi
  exit 77
fi
expect 0 '^\| lenet5 \| [0-9]+ \| [0-9]+ \| [0-9]+ \(.*\) \| [0-9]+ \(.*\) \| [0-9.]+ \|' \
  "${compare[@]}" --networks b --rounds 2 --seconds 0.002 --batch 4
grep -qE '^\| geometric mean \|' "$work/stdout" || fail "no geometric mean"
number='[0-9.]+' named='[0-9.]+ \([^|]*\)'
inference=("${compare[@]}" --inference --networks f --rounds 1 --seconds 0.002 --batch 4)
expect 0 "^\| ds-cnn \| 4 \| $number( \| $named){2}( \| $number){2} \|\$" "${inference[@]}"
if "$sim" -c 'import onnx' 2>/dev/null && [ -e build/peers/installed-lock.json ]; then
  expect 0 "^\| ds-cnn \| 4 \| $number( \| $named){4}( \| $number){4} \|\$" \
    "${inference[@]}" --onnxruntime build/peers
fi
expect 2 "--networks: no 'z'; there are abcdef" "${compare[@]}" --networks z
expect 1 'client.bacth' "${compare[@]}" --networks b --set client.bacth=3
finish
