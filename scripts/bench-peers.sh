#!/usr/bin/env bash
# Speed of training steps or of inference, or memory of training, against PyTorch's, in one run, as
# a Markdown table of ratios; docs/performance.md says how to read it. PyTorch is Debian's
# python3-torch with libopenblas0-pthread, which nothing else needs and no script installs; without
# them this ends with code 77. Inference is compared with ONNX Runtime, too, which npm installs into
# build/peers; that needs node, npm and Debian's python3-onnx, and is left out without them.
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

# install_onnxruntime: into build/peers, unless it is there. Says why it cannot.
install_onnxruntime() {
  local lock=tests/bench/peers/package-lock.json command
  if ! "$python" -c 'import onnx' 2>/dev/null; then
    say "without ONNX Runtime: apt-get install python3-onnx"
    return 1
  fi
  for command in node npm; do
    if ! command -v $command >/dev/null; then
      say "without ONNX Runtime: $command is not there"
      return 1
    fi
  done
  if cmp -s $lock build/peers/installed-lock.json; then return; fi
  say "installing ONNX Runtime into build/peers"
  mkdir -p build/peers
  cp tests/bench/peers/package.json $lock build/peers/
  # Its install script only fetches what graphics cards need.
  if ! npm ci --prefix build/peers --ignore-scripts --no-audit --no-fund >build/peers/npm.log 2>&1
  then
    say "without ONNX Runtime: npm could not install it; see build/peers/npm.log"
    return 1
  fi
  cp $lock build/peers/installed-lock.json
}

more=()
if [[ " $* " == *" --inference "* ]] && install_onnxruntime >&2; then
  more=(--onnxruntime build/peers)
fi
build_programs no fedqat-client >&2
exec "$python" tests/bench/peers/compare.py --client build/release/client/fedqat-client \
  "${more[@]}" "$@"
