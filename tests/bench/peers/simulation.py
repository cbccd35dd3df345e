#!/usr/bin/env python3
"""Federations simulated by fedqat and by PyTorch in turn; see docs/performance.md."""
import argparse
import csv
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from networks import NETWORKS

FOLDER = os.path.dirname(os.path.abspath(__file__))
UNCOUNTED = 3  # rounds; among ours the one in fp32
CONFIG = """
[run]
rounds = {rounds}
[data]
name = "idx"
dir = "{data}"
[partition]
clients = {clients}
[model]
name = "{model}"
[quant]
warmup_rounds = 1
[client]
batch = 32
learning_rate = 0.01
momentum = 0
[round]
clients = 10
[sim]
threads = {threads}
eval_every = 1000000
"""


def write_idx(path, dims, content):
    kind = 0x800 + len(dims)
    with open(path, "wb") as file:
        file.write(struct.pack(f">{1 + len(dims)}I", kind, *dims))
        file.write(content)


def write_noise(folder, count, shape, classes):
    """A data set in IDX: `count` samples to train with, 100 to test."""
    rows, columns = (28, 28) if shape == (784,) else shape[-2:]
    source = random.Random(1)
    block = source.randbytes(1 << 20)
    for part, n in (("train", count), ("t10k", 100)):
        size = n * rows * columns
        pixels = (block * (size // len(block) + 1))[:size]
        write_idx(f"{folder}/{part}-images-idx3-ubyte", (n, rows, columns), pixels)
        labels = bytes(source.randrange(classes) for _ in range(n - 1)) + bytes([classes - 1])
        write_idx(f"{folder}/{part}-labels-idx1-ubyte", (n,), labels)


def pss_mib(process):
    try:
        with open(f"/proc/{process}/smaps_rollup", encoding="utf-8") as rollup:
            return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024
    except (OSError, StopIteration):
        return 0.0


def ours(args, model, clients, data):
    """Median seconds of a round, and the greatest memory at any time, loading included, in MiB."""
    with tempfile.TemporaryDirectory() as out:
        with open(f"{out}/config.toml", "w", encoding="utf-8") as config:
            config.write(CONFIG.format(rounds=UNCOUNTED + args.rounds, data=data, clients=clients,
                                       model=model, threads=args.threads))
        run = subprocess.Popen([args.sim, "run", f"{out}/config.toml", "--out", f"{out}/run", "-q"],
                               stdout=subprocess.DEVNULL)
        memory = 0.0
        while run.poll() is None:
            memory = max(memory, pss_mib(run.pid))
            time.sleep(0.02)
        if run.returncode != 0:
            sys.exit(f"bench-simulation: fedqat-sim ended with code {run.returncode}")
        with open(f"{out}/run/metrics.csv", encoding="utf-8") as metrics:
            seconds = [float(row["seconds"]) for row in csv.DictReader(metrics)]
    return statistics.median(seconds[UNCOUNTED:]), memory


def theirs(args, letter, kind, clients):
    done = subprocess.run(
        [sys.executable, f"{FOLDER}/torch_federation.py", "--network", letter, "--kind", kind,
         "--clients", str(clients), "--rounds", str(UNCOUNTED + args.rounds),
         "--workers", str(args.threads)],
        check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **HEAP})
    result = json.loads(done.stdout)
    return statistics.median(result["seconds"][UNCOUNTED:]), result["memory_mib"]


# PyTorch is faster when large tensors stay in the heap.
HEAP = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296",
        "MALLOC_TOP_PAD_": "67108864"}


def compare(args, letter, clients):
    """A line of the table: rounds a minute of each side, ratios, memory."""
    model, _, shape, classes = NETWORKS[letter]
    sides = {"fedqat": [], "fp32": [], "QAT": []}
    with tempfile.TemporaryDirectory() as data:
        write_noise(data, clients * 600, shape, classes)
        for _ in range(args.slices):
            sides["fedqat"].append(ours(args, model, clients, data))
            for kind in () if args.alone else ("fp32", "QAT"):
                sides[kind].append(theirs(args, letter, kind, clients))
    rate = {k: f"{60 / statistics.median(s for s, _ in v):.0f}" for k, v in sides.items() if v}
    memory = {k: f"{max(m for _, m in v):.0f}" for k, v in sides.items() if v}
    ratio = {k: f"{statistics.median(b / a for (a, _), (b, _) in zip(sides['fedqat'], v)):.1f}"
             for k, v in sides.items() if v}
    cells = [model, str(clients), rate["fedqat"], rate.get("fp32", "-"), rate.get("QAT", "-"),
             ratio.get("QAT", "-"), ratio.get("fp32", "-"),
             memory["fedqat"], memory.get("fp32", "-"), memory.get("QAT", "-")]
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sim", required=True, help="fedqat-sim")
    parser.add_argument("--networks", default="baf", help="letters of networks.py (baf)")
    parser.add_argument("--clients", default="100", help="numbers of clients (100), as in 100,1000")
    parser.add_argument("--rounds", type=int, default=8, help="counted rounds of a slice (8)")
    parser.add_argument("--slices", type=int, default=3, help="slices of each side (3)")
    parser.add_argument("--threads", type=int, default=2, help="threads or worker processes (2)")
    parser.add_argument("--alone", action="store_true", help="fedqat alone, without PyTorch")
    args = parser.parse_args()
    print("| network | clients | fedqat, rounds/min | PyTorch fp32 | PyTorch QAT | fedqat / QAT "
          "| fedqat / fp32 | fedqat, MiB | fp32, MiB | QAT, MiB |")
    print("|---|" + "---:|" * 9)
    for clients in map(int, args.clients.split(",")):
        for letter in args.networks:
            compare(args, letter, clients)


if __name__ == "__main__":
    main()
