"""Inference of fedqat and of its peers in turn, one thread each; see docs/performance.md."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess

import torch_inference
from torch_inference import BATCHES

OURS = "fedqat int8"


def our_rows(args, model):
    """One slice of ours, rows of `fedqat-client bench` by batch; raises CalledProcessError."""
    command = [args.client, "bench", "--model", model, "--batch", str(args.batch), "--json"]
    command += ["--repeat", "1", "--seconds", str(args.seconds)]
    for change in args.set:
        command += ["--set", change]
    # The heap is tuned for the peers alone.
    env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
    return {row["batch"]: row for row in json.loads(done.stdout)
            if row["test"].startswith("infer")}


class Peer:
    """A variant of a peer at one batch."""

    def __init__(self, seconds_a_batch, batch, seconds):
        """seconds_a_batch: infers so many batches; its result is time of the processor."""
        self.seconds_a_batch, self.batch = seconds_a_batch, batch
        for _ in range(3):  # TorchScript compiles in the first
            seconds_a_batch(BATCHES)
        self.times = max(BATCHES, int(seconds / seconds_a_batch(BATCHES)))

    def rate(self):
        """One slice, after batches that are not counted."""
        self.seconds_a_batch(max(BATCHES, self.times // 5))
        return self.batch / self.seconds_a_batch(self.times)


def check_plausible(ours, name, rate):
    """Nobody multiplies faster than this core can: a peer that does has left out its work."""
    operations = ours["gop_per_s"] / ours["samples_per_s"]
    if ours["peak_gop_per_s"] and rate * operations > 1.05 * ours["peak_gop_per_s"]:
        raise RuntimeError(f"{name}, {ours['model']}, batch {ours['batch']}: "
                           f"{rate:.0f} samples/s are more than the core's peak")


def make_peers(args, network, batches, runtime):
    """By batch and name; runtime: ONNX Runtime's, or None."""
    ways = [(f"PyTorch {v}", torch_inference.make_inference, v) for v in torch_inference.variants()]
    if runtime:
        ways += [(f"ONNX Runtime {v}", runtime.make_inference, v) for v in runtime.variants()]
    peers = {}
    for batch in batches:
        for name, make_inference, variant in ways:
            if infer := make_inference(network, variant, batch):
                peers[batch, name] = Peer(infer, batch, args.seconds)
    return peers


def slices(args, network, batches, runtime):
    """Rates by batch and name, a list with one value for each round."""
    peers = make_peers(args, network, batches, runtime)
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


def onnx_runtime(args):
    if not args.onnxruntime:
        return contextlib.nullcontext()
    import onnx_inference  # needs packages that nothing else does
    return onnx_inference.Runtime(args.onnxruntime)


def onnx_runtime_version(args):
    package = pathlib.Path(args.onnxruntime, "node_modules/onnxruntime-node/package.json")
    return json.loads(package.read_text(encoding="utf-8"))["version"]


def kinds(args):
    """Of the peers, in the order of the table."""
    peers = ["PyTorch", "ONNX Runtime"] if args.onnxruntime else ["PyTorch"]
    return [f"{peer} {numbers}" for peer in peers for numbers in ("fp32", "int8")]


def compare(args, network):
    """Rows of the table: batch, us a sample of ours, and by kind the best of the peers, as name and
    us a sample, and the ratio."""
    batches = sorted({1, args.batch})
    with onnx_runtime(args) as runtime:
        found = slices(args, network, batches, runtime)
    for batch, rates in found.items():
        us = {name: 1e6 / statistics.median(values) for name, values in rates.items()}
        best = {kind: min((n for n in us if n.startswith(kind)), key=us.get)
                for kind in kinds(args)}
        yield (batch, us[OURS],
               {kind: (name.removeprefix(kind).strip(), us[name]) for kind, name in best.items()},
               {kind: ratio(rates[OURS], rates[name]) for kind, name in best.items()})
