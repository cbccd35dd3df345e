"""The networks as ONNX models, in fp32 and quantized after training."""
import numpy
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CALIBRATION = 32  # samples that ranges are taken from
OPSET, IR_VERSION = 13, 8


class Fp32:
    """Nodes of a network in order, each with one output; the first takes "x"."""

    input_type = TensorProto.FLOAT

    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, values):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(numpy.asarray(values), name))
        return name

    def node(self, operation, *inputs, **attributes):
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return name

    def enter(self, samples):
        return "x"

    def parameters(self, layer):
        return [self.constant(p.detach().numpy()) for p in (layer.weight, layer.bias)]

    def between(self, value, samples):
        return value

    def encode(self, samples):
        """What the model takes for these samples."""
        return samples.numpy()


class Int8(Fp32):
    """u8 values, s8 weights with a scale for each output channel, s32 bias. Operations stand
    between DequantizeLinear and QuantizeLinear; ONNX Runtime makes one operation on
    integers of all. The input is quantized already, the logits are real numbers."""

    input_type = TensorProto.UINT8
    input_zero_point = 128

    def dequantized(self, value, scale, zero_point):
        return self.node("DequantizeLinear", value, scale, zero_point, axis=0)

    def enter(self, samples):
        self.scale = self.input_scale = samples.abs().max().numpy() / numpy.float32(127)
        return self.dequantized("x", self.constant(self.scale),
                                self.constant(numpy.uint8(self.input_zero_point)))

    def parameters(self, layer):
        weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
        scales = abs(weight).reshape(len(weight), -1).max(axis=1) / numpy.float32(127)
        codes = numpy.rint(weight / scales.reshape(-1, *[1] * (weight.ndim - 1)))
        found = []
        for values, scale in ((codes.astype(numpy.int8), scales),
                              (numpy.rint(bias / (scales * self.scale)).astype(numpy.int32),
                               scales * self.scale)):
            zero_points = numpy.zeros(len(scale), values.dtype)
            found.append(self.dequantized(*map(self.constant, (values, scale, zero_points))))
        return found

    def between(self, value, samples):
        """samples: the value for them. No value after the input is negative."""
        self.scale = samples.max().numpy() / numpy.float32(255)
        scale, zero_point = self.constant(self.scale), self.constant(numpy.uint8(0))
        value = self.node("QuantizeLinear", value, scale, zero_point)
        return self.dequantized(value, scale, zero_point)

    def encode(self, samples):
        codes = numpy.rint(samples.numpy() / self.input_scale) + self.input_zero_point
        return codes.clip(0, 255).astype(numpy.uint8)


def layers_of(network):
    """Layers for inference, normalization folded into the convolution before it."""
    torch.manual_seed(0)
    folded = []
    for layer in nn.Sequential(*network[1]()).eval():
        if isinstance(layer, nn.BatchNorm2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer)
        else:
            folded.append(layer)
    return folded


def add_layer(graph, layer, value):
    if isinstance(layer, nn.Conv2d):
        return graph.node("Conv", value, *graph.parameters(layer), kernel_shape=layer.kernel_size,
                          strides=layer.stride, pads=layer.padding * 2, group=layer.groups)
    if isinstance(layer, nn.Linear):
        return graph.node("Gemm", value, *graph.parameters(layer), transB=1)
    if isinstance(layer, nn.MaxPool2d):
        return graph.node("MaxPool", value, kernel_shape=[layer.kernel_size] * 2,
                          strides=[layer.stride] * 2)
    if isinstance(layer, nn.AvgPool2d):
        return graph.node("AveragePool", value, kernel_shape=layer.kernel_size,
                          strides=layer.stride)
    return graph.node({nn.Flatten: "Flatten", nn.ReLU: "Relu"}[type(layer)], value)


def make_graph(network, kind):
    """kind: Fp32 or Int8. Its last node gives "y", the logits."""
    graph, layers = kind(), layers_of(network)
    samples = torch.randn(CALIBRATION, *network[2])
    value = graph.enter(samples)
    with torch.no_grad():
        for layer, following in zip(layers, [*layers[1:], None]):
            value = add_layer(graph, layer, value)
            samples = layer(samples)
            if following and not isinstance(following, nn.ReLU):
                value = graph.between(value, samples)
    graph.nodes[-1].output[0] = "y"
    return graph


def in_turn(graph, body):
    """A graph whose one node calls the body for each element of the first axis of its input."""
    outer = type(graph)()
    outer.nodes = [helper.make_node("Scan", ["x"], ["y"], body=body, num_scan_inputs=1)]
    return outer


def save(graph, network, batch, path, times=None):
    """x [batch, sample...] to y [batch, classes]; with `times`, so many batches one after another:
    x [times, batch, sample...] to y [times, batch, classes]."""
    def onnx_graph(inner, *leading):
        x = helper.make_tensor_value_info("x", graph.input_type, [*leading, *network[2]])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [*leading, network[3]])
        return helper.make_graph(inner.nodes, "network", [x], [y], inner.initializers)

    whole = onnx_graph(graph, batch)
    if times:
        whole = onnx_graph(in_turn(graph, whole), times, batch)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
