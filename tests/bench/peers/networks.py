"""The networks of `fedqat-client bench` in PyTorch: same layers, same inputs, same classes."""
from torch import nn


def dense(*widths):
    layers = []
    for a, b in zip(widths, widths[1:]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return layers[:-1]


def conv(inputs, outputs, kernel, padding=0):
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.ReLU()]


def pool():
    return [nn.MaxPool2d(2)]


def flat(*widths):
    return [nn.Flatten(), *dense(*widths)]


def lenet5():
    return conv(1, 6, 5, 2) + pool() + conv(6, 16, 5) + pool() + flat(400, 120, 84, 10)


def femnist_cnn():
    return conv(1, 32, 3) + conv(32, 64, 3) + pool() + flat(9216, 128, 10)


def cifar_cnn():
    return conv(3, 32, 5, 2) + pool() + conv(32, 64, 5, 2) + pool() + flat(4096, 512, 10)


def ds_cnn():
    def normed(layer):
        return [layer, nn.BatchNorm2d(64), nn.ReLU()]

    layers = normed(nn.Conv2d(1, 64, (10, 4), stride=2, padding=(5, 1), bias=False))
    for _ in range(4):
        layers += normed(nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False))
        layers += normed(nn.Conv2d(64, 64, 1, bias=False))
    return layers + [nn.AvgPool2d((25, 5)), *flat(64, 12)]


# letter: (--model of fedqat-client bench, layers, shape of a sample, classes)
NETWORKS = {
    "a": ("mlp-256-128", lambda: dense(784, 256, 128, 10), (784,), 10),
    "b": ("lenet5", lenet5, (1, 28, 28), 10),
    "c": ("femnist-cnn", femnist_cnn, (1, 28, 28), 10),
    "d": ("cifar-cnn", cifar_cnn, (3, 32, 32), 10),
    "e": ("mlp-256-128@561:6", lambda: dense(561, 256, 128, 6), (561,), 6),
    "f": ("ds-cnn", ds_cnn, (1, 49, 10), 12),
}
