#!/usr/bin/env python3
"""fedqat and its peers in turn, one thread each: training steps, inference, or memory of training;
see docs/performance.md."""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before torch is loaded

SKIPPED = 77
try:
    import torch
except ImportError:
    print("bench-peers: PyTorch is not there: apt-get install python3-torch libopenblas0-pthread",
          file=sys.stderr)
    sys.exit(SKIPPED)

import inference  # noqa: E402
import memory  # noqa: E402
from networks import NETWORKS  # noqa: E402
from torch_steps import VARIANTS, make_step  # noqa: E402

FP32, INT8 = "train fp32", "train int8"
FAST_BLAS = ("openblas", "mkl", "blis")  # in names of libraries


def blas():
    """Of FAST_BLAS, or None: the reference implementation, which makes PyTorch ten times slower."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        loaded = maps.read()
    return next((name for name in FAST_BLAS if f"lib{name}" in loaded), None)


def our_rates(args, model):
    """One slice of ours, samples a second; raises CalledProcessError."""
    command = [args.client, "bench", "--model", model, "--batch", str(args.batch), "--json"]
    command += ["--repeat", "1", "--seconds", str(args.seconds)]
    for change in ["client.momentum=0", "client.weight_decay=0", *args.set]:
        command += ["--set", change]
    # The heap is tuned for PyTorch alone.
    env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    rows = {row["test"]: row["samples_per_s"] for row in json.loads(done.stdout)}
    return {FP32: rows["train fp32"], INT8: rows["train W8A8"]}


def peer_rate(step, args):
    """One slice of PyTorch. Time of the processor, as in ours, after steps that are not counted."""
    start = time.process_time()
    step()
    once = time.process_time() - start
    for _ in range(min(100, int(args.seconds / 5 / once))):
        step()
    steps = 0
    start = time.process_time()
    while (taken := time.process_time() - start) < args.seconds:
        step()
        steps += 1
    return steps * args.batch / taken


def slices(args, network):
    """Rates by name, a list with one value for each round."""
    steps = {name: make_step(network, name, args.batch) for name in VARIANTS}
    rates = {name: [] for name in [FP32, INT8, *(n for n, s in steps.items() if s)]}
    for _ in range(args.rounds):
        for name, rate in our_rates(args, network[0]).items():
            rates[name].append(rate)
        for name, step in steps.items():
            if step:
                rates[name].append(peer_rate(step, args))
    return rates


def best(rates, kind):
    return max((n for n in rates if n.startswith(kind)), key=lambda n: statistics.median(rates[n]))


def ratio(rates, ours, theirs):
    """Median over the rounds, so that noise longer than a round cancels."""
    return statistics.median(a / b for a, b in zip(rates[ours], rates[theirs]))


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def show(line, cells):
    print(f"| {line} | " + " | ".join(cells) + " |", flush=True)


def training_table(args):
    print("samples/s, then ratios (more than 1: fedqat is faster)\n")
    show("network", ["fedqat fp32", "fedqat int8", "PyTorch fp32", "PyTorch QAT", "int8 / QAT",
                     "int8 / PyTorch fp32", "fp32 / PyTorch fp32", "int8 / fedqat fp32"])
    print("|---|" + "---:|" * 8)
    ratios = []
    for letter in args.networks:
        network = NETWORKS[letter]
        rates = slices(args, network)
        fp32, qat = best(rates, "fp32"), best(rates, "QAT")
        ratios.append([ratio(rates, INT8, qat), ratio(rates, INT8, fp32),
                       ratio(rates, FP32, fp32), ratio(rates, INT8, FP32)])
        medians = {name: f"{statistics.median(values):.0f}" for name, values in rates.items()}
        show(network[0], [medians[FP32], medians[INT8],
                          f"{medians[fp32]} ({fp32.removeprefix('fp32 ')})",
                          f"{medians[qat]} ({qat.removeprefix('QAT ')})",
                          *(f"{r:.2f}" for r in ratios[-1])])
    show("geometric mean", [""] * 4 + [f"{geometric_mean(c):.2f}" for c in zip(*ratios)])


def inference_table(args):
    kinds = inference.kinds(args)
    print("us a sample, then ratios of speed (more than 1: fedqat is faster)\n")
    show("network", ["batch", "fedqat int8", *kinds, *(f"int8 / {kind}" for kind in kinds)])
    print("|---|" + "---:|" * (2 + 2 * len(kinds)))
    ratios = []
    for letter in args.networks:
        for batch, ours, best, each in inference.compare(args, NETWORKS[letter]):
            ratios.append([each[kind] for kind in kinds])
            show(NETWORKS[letter][0],
                 [str(batch), f"{ours:.2f}",
                  *(f"{us:.2f} ({variant})" for variant, us in map(best.get, kinds)),
                  *(f"{r:.2f}" for r in ratios[-1])])
    show("geometric mean",
         [""] * (2 + len(kinds)) + [f"{geometric_mean(c):.2f}" for c in zip(*ratios)])


def memory_table(args):
    print("MiB, then ratios (less than 1: fedqat takes less)\n")
    show("network", ["fedqat fp32", "fedqat int8", "PyTorch fp32", "PyTorch QAT",
                     "int8 / PyTorch fp32", "int8 / QAT"])
    print("|---|" + "---:|" * 6)
    ratios = []
    for letter in args.networks:
        ours = memory.our_bytes(args, NETWORKS[letter][0])
        theirs = [memory.least_of_peer(args, letter, kind) for kind in ("fp32", "QAT")]
        ratios.append([ours["train W8A8"] / size for size, _ in theirs])
        sizes = [f"{size / 2**20:.1f} ({name.split(' ', 1)[1]})" for size, name in theirs]
        show(NETWORKS[letter][0],
             [*(f"{ours[test] / 2**20:.1f}" for test in ("train fp32", "train W8A8")), *sizes,
              *(f"{r:.2f}" for r in ratios[-1])])
    show("geometric mean", [""] * 4 + [f"{geometric_mean(c):.2f}" for c in zip(*ratios)])


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", required=True, help="fedqat-client")
    parser.add_argument("--inference", action="store_true",
                        help="inference instead of training, one sample at a time and a batch")
    parser.add_argument("--memory", action="store_true",
                        help="memory of training instead of its speed")
    parser.add_argument("--onnxruntime", metavar="FOLDER",
                        help="where onnxruntime-node is installed: inference against it, too")
    parser.add_argument("--networks", default="abcdef", help="letters of networks.py (abcdef)")
    parser.add_argument("--rounds", type=int, default=7, help="slices of each (7)")
    parser.add_argument("--seconds", type=float, default=0.15, help="length of a slice (0.15)")
    parser.add_argument("--batch", type=int, default=32, help="samples in a step (32)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="changes the config of ours; may be repeated")
    parser.add_argument("--any-blas", action="store_true",
                        help="measures PyTorch even on the reference BLAS")
    args = parser.parse_args()
    if unknown := set(args.networks) - set(NETWORKS):
        parser.error(f"--networks: no '{min(unknown)}'; there are {''.join(NETWORKS)}")
    if args.rounds < 1 or args.seconds <= 0 or args.batch < 1:
        parser.error("--rounds, --seconds and --batch are greater than 0")
    return args


def main():
    args = options()
    torch.set_num_threads(1)
    torch.ones(64, 64) @ torch.ones(64, 64)
    if blas() is None and not args.any_blas:
        print("bench-peers: PyTorch runs on the reference BLAS, which nobody would train with: "
              "apt-get install libopenblas0-pthread, or --any-blas", file=sys.stderr)
        sys.exit(SKIPPED)
    peers = f"PyTorch {torch.__version__} with {blas() or 'the reference BLAS'}"
    if args.onnxruntime:
        peers += f", ONNX Runtime {inference.onnx_runtime_version(args)}"
    print(f"{peers}, one thread, batches of {args.batch}, medians of {args.rounds} slices\n")
    table = memory_table if args.memory else inference_table if args.inference else training_table
    table(args)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"bench-peers: {error.stderr.strip()}")
