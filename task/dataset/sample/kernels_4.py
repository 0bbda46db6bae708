# Modules in the form of KernelBench, level 4, written for nanteos. A module begins with a line of three dashes: its name.

# --- Decoder_block
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    """A block of a decoder: causal attention and a feed-forward part."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        y = self.norm1(x)
        n = x.shape[1]
        mask = torch.triu(torch.full((n, n), float("-inf"), device=x.device), diagonal=1)
        y, _ = self.attention(y, y, y, attn_mask=mask, need_weights=False)
        x = x + y
        return x + self.down(F.silu(self.up(self.norm2(x))))


batch = 2
length = 16
width = 32


def get_inputs():
    return [torch.rand(batch, length, width)]


def get_init_inputs():
    return [width, 4]


# --- Sentence_encoder
import torch
import torch.nn as nn


class Model(nn.Module):
    """Words to vectors, two layers, the mean over the sentence."""

    def __init__(self, vocabulary, width):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, width)

    def forward(self, x):
        x = self.words(x)
        return self.out(torch.relu(self.hidden(x)).mean(dim=1))


batch = 4
length = 12
vocabulary = 100
width = 24


def get_inputs():
    return [torch.randint(0, vocabulary, (batch, length))]


def get_init_inputs():
    return [vocabulary, width]


# --- Autoencoder
import torch
import torch.nn as nn


class Model(nn.Module):
    """Images to a few numbers and back."""

    def __init__(self, side, few):
        super().__init__()
        self.there = nn.Linear(side * side, few)
        self.back = nn.Linear(few, side * side)

    def forward(self, x):
        return torch.sigmoid(self.back(torch.relu(self.there(x.flatten(1))))).view_as(x)


batch = 4
side = 12
few = 16


def get_inputs():
    return [torch.rand(batch, 1, side, side)]


def get_init_inputs():
    return [side, few]


# --- Mixture_of_experts
import torch
import torch.nn as nn


class Model(nn.Module):
    """Two layers, mixed by a gate."""

    def __init__(self, width):
        super().__init__()
        self.gate = nn.Linear(width, 2)
        self.a = nn.Linear(width, width)
        self.b = nn.Linear(width, width)

    def forward(self, x):
        weights = torch.softmax(self.gate(x), dim=-1).unsqueeze(-1)
        experts = torch.stack([self.a(x), self.b(x)], dim=-2)
        return (weights * experts).sum(dim=-2)


batch = 8
width = 32


def get_inputs():
    return [torch.rand(batch, width)]


def get_init_inputs():
    return [width]


# --- Small_language_model
import torch
import torch.nn as nn


class Model(nn.Module):
    """Words, position, one layer of attention, scores of the next word."""

    def __init__(self, vocabulary, length, width):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        self.out = nn.Linear(width, vocabulary)

    def forward(self, x):
        n = x.shape[1]
        h = self.words(x) + self.places(torch.arange(n, device=x.device))
        w = torch.softmax((h @ h.transpose(-1, -2)) / h.shape[-1] ** 0.5, dim=-1)
        return self.out(w @ h)


batch = 2
length = 8
vocabulary = 50
width = 16


def get_inputs():
    return [torch.randint(0, vocabulary, (batch, length))]


def get_init_inputs():
    return [vocabulary, length, width]
