"""Memory of training, fedqat's and PyTorch's; see docs/performance.md."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

from torch_steps import VARIANTS

TRIES = 3  # of a variant of PyTorch, whose memory differs from process to process

# No tuned heap, which keeps what is free.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}


def output_of(command):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          env=ENVIRONMENT).stdout


def our_bytes(args, model):
    """Heap of a network, its trainer and the update, by test of `fedqat-client bench`."""
    command = [args.client, "bench", "--model", model, "--batch", str(args.batch), "--json",
               "--repeat", "1", "--seconds", "0.01"]
    for change in ["client.momentum=0", "client.weight_decay=0", *args.set]:
        command += ["--set", change]
    return {row["test"]: row["memory_bytes"] for row in json.loads(output_of(command))}


def least_of_peer(args, letter, kind):
    """(bytes, variant) of the most modest of a kind by its median, each try in a process."""
    program = pathlib.Path(__file__).with_name("torch_memory.py")
    found = []
    for variant in VARIANTS:
        if not variant.startswith(kind):
            continue
        command = [sys.executable, program, letter, variant, str(args.batch)]
        tries = [int(printed) for _ in range(TRIES) if (printed := output_of(command).strip())]
        if tries:
            found.append((statistics.median_low(tries), variant))
    return min(found)
