# Modules in the form of KernelBench, level 2, written for nanteos. A module begins with a line of three dashes: its name.

# --- Linear_and_relu
import torch
import torch.nn as nn


class Model(nn.Module):
    """A linear layer, then ReLU."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        return torch.relu(self.linear(x))


batch = 64
inputs = 128
outputs = 96


def get_inputs():
    return [torch.rand(batch, inputs)]


def get_init_inputs():
    return [inputs, outputs]


# --- Linear_scale_and_shift
import torch
import torch.nn as nn


class Model(nn.Module):
    """A linear layer whose result is scaled and shifted."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        return self.linear(x) * 2.0 + 0.5


batch = 64
inputs = 100
outputs = 50


def get_inputs():
    return [torch.rand(batch, inputs)]


def get_init_inputs():
    return [inputs, outputs]


# --- Linear_and_softmax
import torch
import torch.nn as nn


class Model(nn.Module):
    """A linear layer, then softmax."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        return torch.softmax(self.linear(x), dim=1)


batch = 32
inputs = 64
outputs = 40


def get_inputs():
    return [torch.rand(batch, inputs)]


def get_init_inputs():
    return [inputs, outputs]


# --- Linear_and_swish
import torch
import torch.nn as nn


class Model(nn.Module):
    """A linear layer, then x times sigmoid of x."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        y = self.linear(x)
        return y * torch.sigmoid(y)


batch = 32
inputs = 80
outputs = 60


def get_inputs():
    return [torch.rand(batch, inputs)]


def get_init_inputs():
    return [inputs, outputs]


# --- Product_and_bias
import torch
import torch.nn as nn


class Model(nn.Module):
    """A product of matrices with a bias, clamped."""

    def __init__(self, m):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(m))

    def forward(self, a, b):
        return torch.clamp(a @ b + self.bias, min=0.0, max=40.0)


n = 64
k = 48
m = 32


def get_inputs():
    return [torch.rand(n, k), torch.rand(k, m)]


def get_init_inputs():
    return [m]


# --- Norm_and_tanh
import torch
import torch.nn as nn


class Model(nn.Module):
    """Layer norm, then tanh."""

    def __init__(self, features):
        super().__init__()
        self.norm = nn.LayerNorm(features)

    def forward(self, x):
        return torch.tanh(self.norm(x))


batch = 32
features = 128


def get_inputs():
    return [torch.randn(batch, features)]


def get_init_inputs():
    return [features]


# --- Convolution_and_relu
import torch
import torch.nn as nn


class Model(nn.Module):
    """A convolution of images, then ReLU."""

    def __init__(self, channels, outputs):
        super().__init__()
        self.conv = nn.Conv2d(channels, outputs, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.conv(x))


batch = 4
channels = 3
side = 24


def get_inputs():
    return [torch.rand(batch, channels, side, side)]


def get_init_inputs():
    return [channels, 8]


# --- Convolution_and_pool
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    """A convolution, then the largest of each 2 by 2 cells."""

    def __init__(self, channels, outputs):
        super().__init__()
        self.conv = nn.Conv2d(channels, outputs, 3, padding=1)

    def forward(self, x):
        return F.max_pool2d(self.conv(x), 2)


batch = 4
channels = 3
side = 24


def get_inputs():
    return [torch.rand(batch, channels, side, side)]


def get_init_inputs():
    return [channels, 6]


# --- Residual_sum
import torch
import torch.nn as nn


class Model(nn.Module):
    """A linear layer added to what goes in."""

    def __init__(self, features):
        super().__init__()
        self.linear = nn.Linear(features, features)

    def forward(self, x):
        return x + self.linear(x)


batch = 64
features = 72


def get_inputs():
    return [torch.rand(batch, features)]


def get_init_inputs():
    return [features]


# --- Gate
import torch
import torch.nn as nn


class Model(nn.Module):
    """One half of a linear layer's result gates the other."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, x):
        a, b = self.linear(x).chunk(2, dim=1)
        return a * torch.sigmoid(b)


batch = 32
inputs = 64
outputs = 128


def get_inputs():
    return [torch.rand(batch, inputs)]


def get_init_inputs():
    return [inputs, outputs]


# --- Distance_to_mean
import torch
import torch.nn as nn


class Model(nn.Module):
    """Euclidean distance of each row from the mean row."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return (x - x.mean(dim=0)).pow(2).sum(dim=1).sqrt()


batch = 64
features = 90


def get_inputs():
    return [torch.rand(batch, features)]


def get_init_inputs():
    return []


# --- Scores_and_weights
import torch
import torch.nn as nn


class Model(nn.Module):
    """Scaled dot products, then softmax."""

    def __init__(self):
        super().__init__()

    def forward(self, q, k):
        return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)


batch = 4
length = 32
width = 16


def get_inputs():
    return [torch.rand(batch, length, width), torch.rand(batch, length, width)]


def get_init_inputs():
    return []
