"""Memory of PyTorch's training: prints the bytes that a few steps take at most above the process
that has loaded PyTorch and has trained one layer of each kind. A process for each figure:

    python3 torch_memory.py LETTER VARIANT BATCH
"""
import sys

import torch

from networks import NETWORKS
from torch_steps import make_step

STEPS = 3


def status(field):
    """Bytes of a line of /proc/self/status."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field + ":"))


def warm(variant):
    """What a first step loads is no memory of training."""
    layers = [torch.nn.Conv2d(1, 1, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
              torch.nn.Flatten(), torch.nn.Linear(9, 2)]
    make_step(("warm", lambda: layers, (1, 8, 8), 2), variant, 2, 1)()


def main():
    letter, variant, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(1)
    warm(variant)
    before = status("VmRSS")
    with open("/proc/self/clear_refs", "w", encoding="ascii") as peak:
        peak.write("5")  # VmHWM begins again
    if step := make_step(NETWORKS[letter], variant, batch, 1):
        for _ in range(STEPS):
            step()
        print(status("VmHWM") - before)


if __name__ == "__main__":
    main()
