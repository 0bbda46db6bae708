# Modules in the form of KernelBench, level 3, written for nanteos. A module begins with a line of three dashes: its name.

# --- Two_layers
import torch
import torch.nn as nn


class Model(nn.Module):
    """A network of two layers."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


batch = 32
inputs = 64
hidden = 128
outputs = 10


def get_inputs():
    return [torch.rand(batch, inputs)]


def get_init_inputs():
    return [inputs, hidden, outputs]


# --- Attention_head
import torch
import torch.nn as nn


class Model(nn.Module):
    """One head of attention."""

    def __init__(self, width):
        super().__init__()
        self.all = nn.Linear(width, 3 * width)

    def forward(self, x):
        q, k, v = self.all(x).chunk(3, dim=-1)
        weights = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)
        return weights @ v


batch = 2
length = 24
width = 32


def get_inputs():
    return [torch.rand(batch, length, width)]


def get_init_inputs():
    return [width]


# --- Small_image_network
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    """Two convolutions and a linear layer."""

    def __init__(self, side):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 8, 3, padding=1)
        self.out = nn.Linear(8 * (side // 4) ** 2, 10)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.a(x)), 2)
        x = F.max_pool2d(torch.relu(self.b(x)), 2)
        return self.out(x.flatten(1))


batch = 4
side = 16


def get_inputs():
    return [torch.rand(batch, 1, side, side)]


def get_init_inputs():
    return [side]


# --- Residual_block
import torch
import torch.nn as nn


class Model(nn.Module):
    """Two convolutions with a way around them."""

    def __init__(self, channels):
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        y = torch.relu(self.a(x))
        return torch.relu(x + self.b(y))


batch = 4
channels = 8
side = 16


def get_inputs():
    return [torch.rand(batch, channels, side, side)]


def get_init_inputs():
    return [channels]


# --- Feed_forward_block
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    """Norm, two layers, and what went in."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, 4 * width)
        self.second = nn.Linear(4 * width, width)

    def forward(self, x):
        return x + self.second(F.gelu(self.first(self.norm(x))))


batch = 4
length = 16
width = 32


def get_inputs():
    return [torch.rand(batch, length, width)]


def get_init_inputs():
    return [width]


# --- Recurrent_cell
import torch
import torch.nn as nn


class Model(nn.Module):
    """A simple recurrent network over a sequence."""

    def __init__(self, inputs, width):
        super().__init__()
        self.width = width
        self.step = nn.Linear(inputs + width, width)

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.width, device=x.device)
        for t in range(x.shape[1]):
            h = torch.tanh(self.step(torch.cat([x[:, t], h], dim=1)))
        return h


batch = 4
length = 10
inputs = 8
width = 16


def get_inputs():
    return [torch.rand(batch, length, inputs)]


def get_init_inputs():
    return [inputs, width]
