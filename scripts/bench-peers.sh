#!/usr/bin/env bash
# Speed of training steps or of inference, or memory of training, against PyTorch's, in one run, as
# a Markdown table of ratios; docs/performance.md says how to read it. PyTorch is Debian's
# python3-torch with libopenblas0-pthread, which nothing else needs and no script installs; without
# them this ends with code 77.
#
#   scripts/bench-peers.sh [--inference | --memory] [--networks abcdef] [--rounds N] [--seconds S]
#                          [--batch N] [--set KEY=VALUE]... [--any-blas]
#
#   --inference    inference instead of training, one sample at a time and a batch
#   --memory       memory of training instead
#   --networks L   letters of tests/bench/peers/networks.py
#   --rounds N     slices of each contestant (default: 7); more for a noisy machine
#   --seconds S    length of a slice (default: 0.15)
#   --batch N      samples in a step or batch (default: 32)
#   --set K=V      changes the config of fedqat's side
#   --any-blas     measures PyTorch even on the reference BLAS
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in -h | --help) print_help; exit 0 ;; esac
# Debian's packages belong to Debian's own interpreter, which need not be the first in PATH.
python=python3
"$python" -c 'import torch' 2>/dev/null || python=/usr/bin/python3
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
# PyTorch is faster when large tensors stay in the heap.
export MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296 \
  MALLOC_TOP_PAD_=67108864
if ! "$python" -c 'import torch' 2>/dev/null; then
  say "PyTorch is not there: apt-get install python3-torch libopenblas0-pthread" >&2
  exit 77
fi
build_programs no fedqat-client >&2
exec "$python" tests/bench/peers/compare.py --client build/release/client/fedqat-client "$@"
