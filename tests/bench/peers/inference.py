"""Inference of fedqat and of PyTorch in turn, one thread each; see docs/performance.md."""
import json
import os
import statistics
import subprocess
import time

from torch_inference import BATCHES, make_inference, variants

OURS = "fedqat int8"


def our_rows(args, model):
    """One slice of ours, rows of `fedqat-client bench` by batch; raises CalledProcessError."""
    command = [args.client, "bench", "--model", model, "--batch", str(args.batch), "--json"]
    command += ["--repeat", "1", "--seconds", str(args.seconds)]
    for change in args.set:
        command += ["--set", change]
    # The heap is tuned for PyTorch alone.
    env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return {row["batch"]: row for row in json.loads(done.stdout)
            if row["test"].startswith("infer")}


class Peer:
    """A variant of PyTorch at one batch."""

    def __init__(self, run, batch, seconds):
        self.run, self.batch = run, batch
        for _ in range(3):  # TorchScript compiles in the first
            run(BATCHES)
        start = time.process_time()
        run(BATCHES)
        once = (time.process_time() - start) / BATCHES
        self.times = max(BATCHES, int(seconds / once))

    def rate(self):
        """One slice in time of the processor, after batches that are not counted."""
        self.run(max(BATCHES, self.times // 5))
        start = time.process_time()
        self.run(self.times)
        return self.times * self.batch / (time.process_time() - start)


def check_plausible(ours, name, rate):
    """Nobody multiplies faster than this core can: a peer that does has left out its work."""
    operations = ours["gop_per_s"] / ours["samples_per_s"]
    if ours["peak_gop_per_s"] and rate * operations > 1.05 * ours["peak_gop_per_s"]:
        raise RuntimeError(f"PyTorch {name}, {ours['model']}, batch {ours['batch']}: "
                           f"{rate:.0f} samples/s are more than the core's peak")


def slices(args, network, batches):
    """Rates by batch and name, a list with one value for each round."""
    peers = {}
    for batch in batches:
        for name in variants():
            if run := make_inference(network, name, batch):
                peers[batch, name] = Peer(run, batch, args.seconds)
    rates = {batch: {OURS: []} for batch in batches}
    for _ in range(args.rounds):
        ours = our_rows(args, network[0])
        for batch in batches:
            rates[batch][OURS].append(ours[batch]["samples_per_s"])
        for (batch, name), peer in peers.items():
            rates[batch].setdefault(name, []).append(peer.rate())
            check_plausible(ours[batch], name, rates[batch][name][-1])
    return rates


def ratio(ours, theirs):
    """Median over the rounds, so that noise longer than a round cancels."""
    return statistics.median(a / b for a, b in zip(ours, theirs))


def compare(args, network):
    """Rows of the table: batch, us a sample of ours, of the best fp32 and int8, the ratios."""
    for batch, rates in slices(args, network, sorted({1, args.batch})).items():
        us = {name: 1e6 / statistics.median(values) for name, values in rates.items()}
        best = {kind: min((n for n in us if n.startswith(kind)), key=us.get)
                for kind in ("fp32", "int8")}
        yield (batch, us[OURS], {k: (n, us[n]) for k, n in best.items()},
               {k: ratio(rates[OURS], rates[n]) for k, n in best.items()})
