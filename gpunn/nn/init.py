"""First values of parameters. All functions fill their tensor in place, outside the graph, and return it.

fan_in is the number of inputs of one output: in_features of a linear layer, in_channels / groups × kernel size of a
convolution; fan_out is the same for dimension 0 of the weight. gain makes up for what the following activation does to
the variance; see `calculate_gain`.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec

import numpy as np

from gpunn import backend, engine, random
from gpunn.backend import Array, array_module
from gpunn.errors import ArgumentError, ShapeError
from gpunn.ops.arithmetic.special import erfinv
from gpunn.random import Generator
from gpunn.tensor import Tensor

P = ParamSpec("P")
skipped: ContextVar[bool] = ContextVar("skipped", default=False)  # in `nn.utils.skip_init`
_LINEAR = ("linear", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)), "sigmoid")


def _first_values(function: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """`function`, which fills the tensor that is its first argument, outside the graph, unless that is `skipped`."""

    @functools.wraps(function)
    def filled(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        if skipped.get():
            tensor: Any = args[0] if args else kwargs["tensor"]
            return tensor
        with engine.no_grad():
            return function(*args, **kwargs)

    return filled


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which weights before this activation should be larger.

    1 for linear, conv*d and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + param²)) for leaky_relu with the negative
    slope `param` (0.01), 3/4 for selu.
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ArgumentError(f"calculate_gain: negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentError(f"calculate_gain: Unsupported nonlinearity {nonlinearity}")


@_first_values
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@_first_values
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers."""
    return tensor.normal_(mean, std, generator=generator)


@_first_values
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers that lie in [a, b]: mean + std Φ⁻¹(u), with u uniform in [Φ((a - mean)/std), Φ((b - mean)/std)).

    Computed in float64; beyond 8 standard deviations from the mean its digits end. ArgumentError if a > b.
    """
    if a > b:
        raise ArgumentError(f"trunc_normal_: expected a range [a, b], got a={a} above b={b}")
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    low, high = (math.erf((end - mean) / (std * math.sqrt(2))) for end in (a, b))  # 2 Φ - 1
    xp = array_module(tensor.array)
    with backend.placed_on(tensor.device):
        u = random.uniform(xp, generator or random.default_generator, tensor.array.shape, np.float64)
        x = mean + std * math.sqrt(2) * erfinv(low + (high - low) * u)
    return _filled("trunc_normal_", tensor, xp.clip(x, a, b))


@_first_values
def constant_(tensor: Tensor, val: float) -> Tensor:
    """The number `val` everywhere."""
    return tensor.fill_(val)


@_first_values
def ones_(tensor: Tensor) -> Tensor:
    """Ones."""
    return tensor.fill_(1.0)


@_first_values
def zeros_(tensor: Tensor) -> Tensor:
    """Zeros."""
    return tensor.zero_()


@_first_values
def eye_(tensor: Tensor) -> Tensor:
    """Ones on the diagonal of a matrix, zeros elsewhere: a linear layer passes on as many inputs as it can."""
    _matrix("eye_", tensor)
    return _filled("eye_", tensor, np.eye(*tensor.shape))


@_first_values
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A one in the middle of the kernel from channel i to channel i: a convolution passes on the channels it can.

    `tensor` has 3, 4 or 5 dimensions, as the weights of convolutions have. Each of `groups` starts from channel 0.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(
            f"dirac_: Only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}"
        )
    outs, ins, *kernel = tensor.array.shape
    if outs % groups != 0:
        raise ShapeError(f"dirac_: dim 0 must be divisible by groups, got {outs} and {groups}")
    values = np.zeros(tensor.array.shape)
    channels = np.arange(min(outs // groups, ins))
    for first in range(0, outs, max(outs // groups, 1)):
        values[(first + channels, channels, *[n // 2 for n in kernel])] = 1
    return _filled("dirac_", tensor, values)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in ±gain √(6 / (fan_in + fan_out)).

    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010, eq. 16.
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = gain * math.sqrt(6.0 / max(fan_in + fan_out, 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers with standard deviation gain √(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / max(fan_in + fan_out, 1)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform numbers in ±gain √(3 / fan), with the gain of `nonlinearity` and its parameter `a`.

    `mode` "fan_in" keeps the variance in forward, "fan_out" in backward.
    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers, ICCV 2015, eq. 10 and 14.
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers with standard deviation gain / √fan. See `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def lecun_uniform_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Uniform numbers in ±√(3 / fan_in), whose standard deviation is 1/√fan_in. Source: LeCun et al. 1998."""
    bound = math.sqrt(3.0 / max(_calculate_fan_in_and_fan_out(tensor)[0], 1))
    return uniform_(tensor, -bound, bound, generator)


def lecun_normal_(tensor: Tensor, generator: Generator | None = None) -> Tensor:
    """Normal numbers with standard deviation 1/√fan_in.

    Source: LeCun, Bottou, Orr and Müller, Efficient backprop, 1998, eq. 16; for selu, Klambauer et al. 2017.
    """
    return normal_(tensor, 0.0, 1.0 / math.sqrt(max(_calculate_fan_in_and_fan_out(tensor)[0], 1)), generator)


@_first_values
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer; dimensions after the first
    count as one.

    Sources: Saxe, McClelland and Ganguli, Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks, 2013; the signs that make Q uniform, Mezzadri, How to generate random matrices, 2007.
    """
    if tensor.ndim < 2:
        raise ShapeError(
            f"orthogonal_: Only tensors with 2 or more dimensions are supported, got shape {tuple(tensor.shape)}"
        )
    if tensor.numel() == 0:
        return tensor
    xp, shape = array_module(tensor.array), tensor.array.shape
    rows, columns = shape[0], math.prod(shape[1:])
    dtype = np.float64 if tensor.dtype.itemsize == 8 else np.float32
    with backend.placed_on(tensor.device):
        x = random.normal(xp, generator or random.default_generator, (rows, columns), dtype)
        q, r = xp.linalg.qr(x.T if rows < columns else x)
        q = q * (xp.sign(xp.diagonal(r)) * gain)
    return _filled("orthogonal_", tensor, (q.T if rows < columns else q).reshape(shape))


@_first_values
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers, but zero in the fraction `sparsity` of each column of a matrix, rounded up.

    Source: Martens, Deep learning via Hessian-free optimization, ICML 2010.
    """
    _matrix("sparse_", tensor)
    draw = generator or random.default_generator
    values = random.normal(np, draw, tensor.array.shape, np.float32) * std
    order = np.argsort(random.uniform(np, draw, values.shape, np.float64), axis=0)
    np.put_along_axis(values, order[: math.ceil(sparsity * len(values))], 0, axis=0)
    return _filled("sparse_", tensor, values)


def _old(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`function` under its name without the underscore at the end, which warns."""
    new = function.__name__
    old = new.removesuffix("_")

    @functools.wraps(function)
    def renamed(*args: Any, **kwargs: Any) -> Tensor:
        text = f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`."
        warnings.warn(text, FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    renamed.__name__ = renamed.__qualname__ = old
    renamed.__doc__ = f"As `{new}`, which is its name today."
    return renamed


uniform, normal, constant = _old(uniform_), _old(normal_), _old(constant_)
eye, dirac, orthogonal, sparse = _old(eye_), _old(dirac_), _old(orthogonal_), _old(sparse_)
xavier_uniform, xavier_normal = _old(xavier_uniform_), _old(xavier_normal_)
kaiming_uniform, kaiming_normal = _old(kaiming_uniform_), _old(kaiming_normal_)


def _filled(op: str, tensor: Tensor, values: Array) -> Tensor:
    """`tensor` with `values`, an array of either module, written into it."""
    engine.check_in_place(tensor, op)
    values = backend.to_device(values.astype(tensor.array.dtype), tensor.device)
    return engine.write(tensor, Tensor(values), op)


def _matrix(op: str, tensor: Tensor) -> None:
    if tensor.ndim != 2:
        raise ShapeError(f"{op}: Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """fan_in and fan_out of a weight (out, in, *kernel). Layers of many programs call it by this name of PyTorch's."""
    if tensor.ndim < 2:
        raise ShapeError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
            f"got shape {tuple(tensor.shape)}"
        )
    outs, ins, *kernel = tensor.array.shape
    return ins * math.prod(kernel), outs * math.prod(kernel)


def _calculate_correct_fan(tensor: Tensor, mode: Any) -> int:
    """fan_in or fan_out, as `mode` says."""
    if not isinstance(mode, str) or mode.lower() not in ("fan_in", "fan_out"):
        raise ArgumentError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return fan_in if mode.lower() == "fan_in" else fan_out


def _kaiming_std(tensor: Tensor, a: float, mode: Any, nonlinearity: str) -> float:
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))
