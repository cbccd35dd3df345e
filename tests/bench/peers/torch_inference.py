"""Inference in PyTorch: frozen TorchScript in fp32, and quantized by each engine it was built with."""
import time
import warnings
from typing import List

import torch
from torch import nn
from torch.ao import quantization

from torch_steps import BATCHES, groups_to_fuse

CALIBRATION = 32  # samples that the observers see


class Loop(nn.Module):
    """Calls a model over and over without Python in between. TorchScript computes the output of
    equal inputs once and none that is not used, so inputs change and outputs are kept."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, inputs: List[torch.Tensor], times: int) -> List[torch.Tensor]:
        outputs = [self.body(x) for x in inputs]
        for i in range(len(inputs), times):
            outputs[i % len(inputs)] = self.body(inputs[i % len(inputs)])
        return outputs


class Codes(nn.Module):
    """Takes codes, as fedqat's engine does, and gives real logits."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x).dequantize()


def variants():
    """Names in the order they run."""
    engines = [e for e in torch.backends.quantized.supported_engines if e != "none"]
    return ["fp32 frozen", "fp32 frozen channels-last", "fp32 optimized",
            *(f"int8 {e}" for e in engines)]


def fused(layers):
    body = nn.Sequential(*layers).eval()
    return quantization.fuse_modules(body, groups_to_fuse(body), inplace=True)


def quantized(layers, shape, engine):
    """The model after training quantization, and a function that makes codes of its input."""
    torch.backends.quantized.engine = engine
    model = nn.Sequential(quantization.QuantStub(), *fused(layers)).eval()
    model.qconfig = quantization.get_default_qconfig(engine)
    quantization.prepare(model, inplace=True)
    model(torch.randn(CALIBRATION, *shape))
    quantization.convert(model, inplace=True)
    return Codes(model[1:]), model[0]


def make_inference(network, variant, batch):
    """A function that infers so many batches, BATCHES at least, and gives seconds of the processor
    for one; None where the variant does not apply."""
    _, make_layers, shape, _ = network
    if variant.endswith("channels-last") and len(shape) != 3:
        return None
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    layers = make_layers()
    inputs = [torch.randn(batch, *shape) for _ in range(BATCHES)]
    if len(shape) == 3 and (variant.endswith("channels-last") or variant.startswith("int8")):
        inputs = [x.to(memory_format=torch.channels_last) for x in inputs]
    with torch.inference_mode():
        if variant.startswith("int8"):
            model, quantize = quantized(layers, shape, variant.removeprefix("int8 "))
            inputs = [quantize(x) for x in inputs]
        else:
            model = fused(layers)
        if variant.endswith("channels-last"):
            model = model.to(memory_format=torch.channels_last)
        loop = torch.jit.script(Loop(torch.jit.trace(model.eval(), inputs[0])).eval())
        loop = torch.jit.freeze(loop)
        if variant == "fp32 optimized":
            loop = torch.jit.optimize_for_inference(loop)
        loop(inputs, BATCHES)

    def seconds_a_batch(times):
        start = time.process_time()
        with torch.inference_mode():
            loop(inputs, times)
        return (time.process_time() - start) / times

    return seconds_a_batch
