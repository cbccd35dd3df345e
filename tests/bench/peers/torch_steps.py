"""Training steps of PyTorch: forward, backward, SGD, as its documentation would have it done."""
import warnings

import torch
from torch import nn
from torch.ao import quantization
from torch.nn.functional import cross_entropy

BATCHES = 8  # in turn, so that no step finds its input in the nearest cache

# name: (quantized as, channels last, optimizer over all tensors at once)
VARIANTS = {
    "fp32 eager": (None, False, False),
    "fp32 foreach": (None, False, True),
    "fp32 channels-last": (None, True, True),
    "QAT fused": (1, False, True),  # observer and fake quantizer in one operation
    "QAT fused channels-last": (1, True, True),
    "QAT separate": (0, False, True),
}


class Quantized(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.quant = quantization.QuantStub()
        self.body = body

    def forward(self, x):
        return self.body(self.quant(x))


def groups_to_fuse(layers):
    """Names of [layer, BatchNorm, ReLU] that quantization takes as one."""
    groups, group = [], []
    for i, layer in enumerate(layers):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            group = [str(i)]
            groups.append(group)
        elif isinstance(layer, (nn.BatchNorm2d, nn.ReLU)) and group:
            group.append(str(i))
        else:
            group = []
    return [g for g in groups if len(g) > 1]


def quantize(body, version):
    body.train()
    quantization.fuse_modules_qat(body, groups_to_fuse(body), inplace=True)
    model = Quantized(body)
    model.qconfig = quantization.get_default_qat_qconfig("fbgemm", version=version)
    return quantization.prepare_qat(model.train())


def make_model(network, kind):
    """The faster of VARIANTS in most cases, of a kind that is "fp32" or "QAT"."""
    _, layers, shape, _ = network
    model = nn.Sequential(*layers()).train()
    if kind == "QAT":
        model = quantize(model, 1)
        model(torch.rand(2, *shape))  # its observers take their size from the first batch
    return model.to(memory_format=torch.channels_last) if len(shape) == 3 else model


def make_step(network, variant, batch, batches=BATCHES):
    """A function that trains one batch, one of `batches` in turn, or None where the variant does
    not apply."""
    _, layers, shape, classes = network
    version, channels_last, foreach = VARIANTS[variant]
    if channels_last and len(shape) != 3:
        return None
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    model = nn.Sequential(*layers()).train()
    if version is not None:
        model = quantize(model, version)
    inputs = [torch.randn(batch, *shape) for _ in range(batches)]
    labels = [torch.randint(0, classes, (batch,)) for _ in range(batches)]
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        inputs = [x.to(memory_format=torch.channels_last) for x in inputs]
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, foreach=foreach)
    turn = 0

    def step():
        nonlocal turn
        turn = (turn + 1) % batches
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(model(inputs[turn]), labels[turn]).backward()
        optimizer.step()

    return step
