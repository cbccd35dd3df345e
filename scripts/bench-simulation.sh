#!/usr/bin/env bash
# Rounds a minute and memory of a simulated federation against FedAvg in PyTorch, in turn in one
# run, as a Markdown table; docs/performance.md says how to read it. PyTorch is Debian's
# python3-torch with libopenblas0-pthread, as for bench-peers.sh; without it this ends with code 77.
#
#   scripts/bench-simulation.sh [--networks baf] [--clients 100,1000] [--rounds N] [--slices N]
#                               [--threads N] [--alone]
#
#   --networks L   letters of tests/bench/peers/networks.py
#   --clients N,M  numbers of clients, each with 600 samples; 10 train in a round (default: 100)
#   --rounds N     counted rounds of a slice (default: 8)
#   --slices N     slices of each side (default: 3)
#   --threads N    threads of fedqat-sim, worker processes of PyTorch (default: 2)
#   --alone        fedqat alone, without PyTorch
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in -h | --help) print_help; exit 0 ;; esac
# Debian's packages belong to Debian's own interpreter, which need not be the first in PATH.
python=python3
"$python" -c 'import torch' 2>/dev/null || python=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
if [[ " $* " != *" --alone "* ]] && ! "$python" -c 'import torch' 2>/dev/null; then
  say "PyTorch is not there: apt-get install python3-torch libopenblas0-pthread, or --alone" >&2
  exit 77
fi
build_programs no fedqat-sim >&2
exec "$python" tests/bench/peers/simulation.py --sim build/release/sim/fedqat-sim "$@"
