"""Inference in ONNX Runtime, by way of its package for Node.js."""
import json
import math
import os
import pathlib
import subprocess
import tempfile

import torch
from torch import nn

import onnx_models

INPUTS = 8  # batches in turn, so that no call finds its input in the nearest cache
SAMPLES = 64  # that a scan takes one batch after another, but not fewer batches than INPUTS
KINDS = {"fp32": (onnx_models.Fp32, 1e-3), "int8": (onnx_models.Int8, 0.1)}  # relative error

# One batch a call, or many one after another: a call from JavaScript costs microseconds.
WAYS = ("call", "scan")


class Runtime:
    """A process of ONNX Runtime and the models that it runs; a context manager."""

    def __init__(self, folder):
        """folder: where its package is installed."""
        self.environment = {**os.environ, "NODE_PATH": str(pathlib.Path(folder, "node_modules"))}

    def __enter__(self):
        self.files = tempfile.TemporaryDirectory()
        program = pathlib.Path(__file__).with_suffix(".js")
        self.process = subprocess.Popen(["node", program], env=self.environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        self.process.communicate()
        self.files.cleanup()

    def variants(self):
        return [f"{kind} {way}" for kind in KINDS for way in WAYS]

    def ask(self, **request):
        """Raises RuntimeError if the process ends, which then has said why."""
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError) as error:
            raise RuntimeError("ONNX Runtime has stopped") from error

    def make_inference(self, network, variant, batch):
        """A function that infers so many batches or a few more, and gives seconds of the processor
        for one."""
        kind, way = variant.split()
        kind, tolerance = KINDS[kind]
        graph = onnx_models.make_graph(network, kind)
        batches = max(INPUTS, SAMPLES // batch)
        batches_a_call = batches if way == "scan" else 1
        model = pathlib.Path(self.files.name, f"{variant} {batch}.onnx")
        onnx_models.save(graph, network, batch, model, batches if way == "scan" else None)
        samples = torch.randn(batches * batch, *network[2])
        inputs = model.with_suffix(".input")
        graph.encode(samples).tofile(inputs)
        logits = torch.tensor(self.ask(open=str(model), input=str(inputs)))
        check_logits(variant, network, samples, logits, tolerance)

        def seconds_a_batch(times):
            calls = math.ceil(times / batches_a_call)
            return self.ask(run=str(model), calls=calls) / (calls * batches_a_call)

        return seconds_a_batch


def check_logits(variant, network, samples, logits, tolerance):
    """The model computes what PyTorch does."""
    with torch.no_grad():
        expected = nn.Sequential(*onnx_models.layers_of(network))(samples).flatten()
    error = ((logits - expected).abs().max() / expected.abs().max()).item()
    if not error < tolerance:
        raise RuntimeError(f"ONNX Runtime {variant}, {network[0]}: logits differ from PyTorch's "
                           f"by {error:.3f} of the largest")
