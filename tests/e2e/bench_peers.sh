#!/usr/bin/env bash
# The comparison with PyTorch runs and prints its table; skipped where PyTorch is not there. How
# fast either is does not matter here. To be called with the client.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
export PYTHONDONTWRITEBYTECODE=1
client=$sim
sim=python3
"$sim" -c 'import torch' 2>/dev/null || sim=/usr/bin/python3
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
expect 2 "--networks: no 'z'; there are abcdef" "${compare[@]}" --networks z
expect 1 'client.bacth' "${compare[@]}" --networks b --set client.bacth=3
finish
