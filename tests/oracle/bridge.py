"""The bridge between PyTorch and gpunn: values, and the callable of gpunn that an OpInfo speaks of.

Tensors made here have the values and the strides of the torch tensors they stand for, in memory of their own.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator
from typing import Any

import ml_dtypes
import numpy as np
import torch

import gpunn as gp
from gpunn import backend

DTYPES = {getattr(torch, d.name): d for d in gp.dtypes.ALL}


class NotPromisedError(Exception):
    """A value that gpunn has no counterpart for: a complex tensor, a sparse layout."""


def array_of(x: torch.Tensor) -> np.ndarray[Any, Any]:
    """The memory of `x` as a NumPy array of the same shape and strides; bfloat16 in the type of ml_dtypes."""
    if x.dtype not in DTYPES or x.layout is not torch.strided:
        raise NotPromisedError(f"{x.dtype}, {x.layout}")
    x = x.detach()
    if x.dtype is torch.bfloat16:
        return x.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return x.numpy(force=True)  # force: torch keeps some gradients as zeros without memory


def on_device(array: np.ndarray[Any, Any], name: str) -> Any:
    """A copy of `array` in the memory of the device `name`, with the same strides."""
    if array.size == 0 or array.flags.c_contiguous:
        return backend.to_device(array.copy(), gp.device(name))
    reach = 1 + sum(s * (n - 1) for s, n in zip(array.strides, array.shape, strict=True)) // array.itemsize
    memory = np.lib.stride_tricks.as_strided(array, (reach,), (array.itemsize,)).copy()
    copy = backend.to_device(memory, gp.device(name))
    return backend.array_module(copy).lib.stride_tricks.as_strided(copy, array.shape, array.strides)


class Twins:
    """Converts the arguments of one call; the same torch tensor always gives the same gpunn tensor."""

    device = "cpu"  # of the tensors made; "cuda" with --device

    def __init__(self) -> None:
        self.pairs: dict[int, tuple[torch.Tensor, Any]] = {}

    def of(self, value: Any) -> Any:
        """`value`, a tensor, a dtype, a device or a nest of them, as gpunn sees it."""
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, (list, tuple)):
            items = [self.of(v) for v in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, dict):
            return {k: self.of(v) for k, v in value.items() if v is not torch.strided}  # the only layout of gpunn
        if isinstance(value, slice):
            return slice(self.of(value.start), self.of(value.stop), self.of(value.step))
        return self._setting(value)

    def _tensor(self, x: torch.Tensor) -> Any:
        if id(x) not in self.pairs:
            self.pairs[id(x)] = x, gp.Tensor(on_device(array_of(x), self.device), requires_grad=x.requires_grad)
        return self.pairs[id(x)][1]

    def _setting(self, value: Any) -> Any:
        if isinstance(value, torch.dtype):
            if value not in DTYPES:
                raise NotPromisedError(str(value))
            return DTYPES[value]
        if isinstance(value, torch.device) or (isinstance(value, str) and value == "cpu"):
            return gp.device(self.device)
        if isinstance(value, torch.memory_format):
            return getattr(gp, str(value).removeprefix("torch."))
        if isinstance(value, torch.Generator):
            return gp.Generator().manual_seed(value.initial_seed())
        if isinstance(value, torch.nn.PairwiseDistance):
            return gp.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
        if isinstance(value, (complex, torch.layout)):
            raise NotPromisedError(str(value))
        return value

    def call(self, function: Callable[..., Any], sample: Any) -> Any:
        """`function` of gpunn on the counterpart of `sample`, a SampleInput of torch."""
        return function(self.of(sample.input), *self.of(sample.args), **self.of(sample.kwargs))


def call(function: Callable[..., Any], sample: Any) -> Any:
    """`function` of torch on `sample`."""
    return function(sample.input, *sample.args, **sample.kwargs)


def tensors_in(value: Any) -> Iterator[Any]:
    """All tensors, of torch or of gpunn, in a nest of lists, tuples, dicts and slices."""
    if isinstance(value, (torch.Tensor, gp.Tensor)):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in value:
            yield from tensors_in(v)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, slice):
        yield from tensors_in([value.start, value.stop, value.step])


def arguments(sample: Any) -> tuple[Any, ...]:
    """Everything that a call on `sample` is given, as one nest."""
    return sample.input, sample.args, sample.kwargs


def mapped(sample: Any, f: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A copy of `sample` with `f(x)` for each tensor x, the same one where a tensor occurs twice."""
    done: dict[int, torch.Tensor] = {}

    def once(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        if id(x) not in done:
            with torch.enable_grad():
                done[id(x)] = f(x)
        return done[id(x)]

    return sample.transform(once)


def describe(value: Any) -> str:
    """`value` in a line: tensors by shape and dtype, "(3, 4) float64"; the rest as Python writes it."""
    if isinstance(value, torch.Tensor):
        mark = "" if value.is_contiguous() else " strided" if value.layout is torch.strided else f" {value.layout}"
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}{mark}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(describe, value)) + "]"
    if isinstance(value, dict):
        return ", ".join(f"{k}={describe(v)}" for k, v in value.items())
    return f"complex {value}" if isinstance(value, complex) else repr(value)


def describe_sample(sample: Any) -> str:
    """The arguments of `sample` in a line: "(3, 4) float64; 1; keepdim=True"."""
    parts = [describe(sample.input), *map(describe, sample.args), describe(sample.kwargs)]
    mark = [] if list(tensors_in(arguments(sample))) else ["(numbers only)"]
    return "; ".join([p for p in parts if p] + mark)


def lookup(root: Any, path: str) -> Any:
    """root.a.b for the path "a.b"; None where something is missing. What every class has does not count."""
    for name in path.split("."):
        owners = [c for c in root.__mro__[:-1] if name in vars(c)] if isinstance(root, type) else [root]
        root = getattr(root, name, None) if owners else None
    return root


def counterpart(function: Any, name: str) -> Any:
    """The callable of gpunn for `function`, an OpInfo's callable of torch called `name`; None if missing.

    A wrapper that the database wrote around torch runs on gpunn as it is, with gpunn in the place of torch.
    """
    path = path_of(function, name)
    if path is not None:
        return lookup(gp, path)
    if isinstance(function, functools.partial):
        inner = counterpart(function.func, name)
        return inner and functools.partial(inner, *Twins().of(function.args), **Twins().of(function.keywords))
    if isinstance(function, types.FunctionType) and "torch" in function.__globals__:
        return _on_gpunn(function)
    return function  # operator.add and the like


def _on_gpunn(function: types.FunctionType) -> Callable[..., Any]:
    names = {**function.__globals__, "torch": gp}
    code = function.__code__
    return types.FunctionType(code, names, function.__name__, function.__defaults__, function.__closure__)


def path_of(function: Any, name: str) -> str | None:
    """Where under `torch` the callable `function` is public: "add", "Tensor.add_", "nn.functional.conv2d"."""
    for path in (name, f"Tensor.{name}", f"Tensor.{name}_"):
        found = lookup(torch, path)
        if found is not None and found is function:
            return path
    found = _public().get(id(function))
    return None if found is None else found[0]


@functools.cache
def _public() -> dict[int, tuple[str, Any]]:
    """Path and object by the object's id."""
    paths: dict[int, tuple[str, Any]] = {}
    spaces = {
        "": torch,
        "nn.functional.": torch.nn.functional,
        "Tensor.": torch.Tensor,
        "linalg.": torch.linalg,
        "special.": torch.special,
    }
    for prefix, space in spaces.items():
        for name in dir(space):
            thing = getattr(space, name, None)
            if callable(thing):
                paths.setdefault(id(thing), (prefix + name, thing))
    return paths
