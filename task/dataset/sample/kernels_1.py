# Modules in the form of KernelBench, level 1, written for nanteos. A module begins with a line of three dashes: its name.

# --- Add_of_two_matrices
import torch
import torch.nn as nn


class Model(nn.Module):
    """Adds two matrices."""

    def __init__(self):
        super().__init__()

    def forward(self, a, b):
        return a + b


rows = 256
columns = 512


def get_inputs():
    return [torch.rand(rows, columns), torch.rand(rows, columns)]


def get_init_inputs():
    return []


# --- Scale_of_rows
import torch
import torch.nn as nn


class Model(nn.Module):
    """Multiplies each row by a factor of its own."""

    def __init__(self):
        super().__init__()

    def forward(self, x, factor):
        return x * factor.unsqueeze(1)


rows = 128
columns = 256


def get_inputs():
    return [torch.rand(rows, columns), torch.rand(rows)]


def get_init_inputs():
    return []


# --- Squared_relu
import torch
import torch.nn as nn


class Model(nn.Module):
    """The square of what is above zero."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return torch.relu(x) ** 2


batch = 64
features = 512


def get_inputs():
    return [torch.randn(batch, features)]


def get_init_inputs():
    return []


# --- Row_sums
import torch
import torch.nn as nn


class Model(nn.Module):
    """Adds the elements of each row."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return x.sum(dim=1)


batch = 128
features = 1000


def get_inputs():
    return [torch.rand(batch, features)]


def get_init_inputs():
    return []


# --- Row_maximum
import torch
import torch.nn as nn


class Model(nn.Module):
    """The largest element of each row."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return x.max(dim=1).values


batch = 128
features = 333


def get_inputs():
    return [torch.randn(batch, features)]


def get_init_inputs():
    return []


# --- Outer_product
import torch
import torch.nn as nn


class Model(nn.Module):
    """The outer product of two vectors."""

    def __init__(self):
        super().__init__()

    def forward(self, a, b):
        return a.unsqueeze(1) * b.unsqueeze(0)


n = 256
m = 384


def get_inputs():
    return [torch.rand(n), torch.rand(m)]


def get_init_inputs():
    return []


# --- Matrix_times_vector
import torch
import torch.nn as nn


class Model(nn.Module):
    """Multiplies a matrix by a vector."""

    def __init__(self):
        super().__init__()

    def forward(self, matrix, vector):
        return matrix @ vector


n = 256
m = 512


def get_inputs():
    return [torch.rand(n, m), torch.rand(m)]


def get_init_inputs():
    return []


# --- Small_matrix_product
import torch
import torch.nn as nn


class Model(nn.Module):
    """Multiplies two matrices."""

    def __init__(self):
        super().__init__()

    def forward(self, a, b):
        return a @ b


n = 128
k = 64
m = 96


def get_inputs():
    return [torch.rand(n, k), torch.rand(k, m)]


def get_init_inputs():
    return []


# --- Softmax_of_rows
import torch
import torch.nn as nn


class Model(nn.Module):
    """Softmax along the last dimension."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return torch.softmax(x, dim=-1)


batch = 64
features = 257


def get_inputs():
    return [torch.randn(batch, features)]


def get_init_inputs():
    return []


# --- Running_sum
import torch
import torch.nn as nn


class Model(nn.Module):
    """Running sums along each row."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return torch.cumsum(x, dim=1)


batch = 32
features = 300


def get_inputs():
    return [torch.rand(batch, features)]


def get_init_inputs():
    return []


# --- Mean_squared_error
import torch
import torch.nn as nn


class Model(nn.Module):
    """The mean of the squared differences."""

    def __init__(self):
        super().__init__()

    def forward(self, prediction, target):
        return ((prediction - target) ** 2).mean()


batch = 128
features = 64


def get_inputs():
    return [torch.rand(batch, features), torch.rand(batch, features)]


def get_init_inputs():
    return []


# --- Reversed_rows
import torch
import torch.nn as nn


class Model(nn.Module):
    """Turns each row around."""

    def __init__(self):
        super().__init__()

    def forward(self, x):
        return torch.flip(x, dims=[1])


batch = 64
features = 200


def get_inputs():
    return [torch.rand(batch, features)]


def get_init_inputs():
    return []
