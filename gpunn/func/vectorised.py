"""vmap: a function of one example as a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from gpunn import random
from gpunn.errors import ArgumentError, GraphError
from gpunn.func.trees import DICTS, LISTS, described, leaves, mapped
from gpunn.ops.creation import zeros
from gpunn.ops.shape.joining import stack
from gpunn.tensor import Tensor

RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that calls `func` with each example of its arguments, and stacks what it returns.

    `in_dims` says along which dimension the examples of an argument lie: a number for all tensors in all arguments, or
    a tuple with a number, None (each example gets the whole), or a nest of these for each argument. `out_dims` says the
    same of the results; None is for a result that is the same for all. Keyword arguments are not divided.
    `randomness`: whether random numbers are an "error", "different" or the "same" for the examples.

    `func` is called as often as there are examples: it may do whatever Python can, look at numbers too, and takes as
    long; PyTorch calls it once, with tensors that stand for all examples. `chunk_size` changes nothing.
    Raises ArgumentError for dimensions that do not fit, and GraphError for random numbers.
    """
    if randomness not in RANDOMNESS:
        raise GraphError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ArgumentError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def mapped_over(*args: Any, **kwargs: Any) -> Any:
        name = f"vmap({getattr(func, '__name__', repr(func))}"
        examples, is_empty = _examples(name, in_dims, args)
        results = [func(*example, **kwargs) for example in _drawn(examples, randomness)]
        return _stacked(name, results, out_dims, is_empty)

    return mapped_over


def _examples(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], bool]:
    """The arguments of each call; if there is no example, of one call with zeros."""
    here = f"{name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ArgumentError(
            f"{here}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ArgumentError(f"{name})(<inputs>): got no inputs. Maybe you forgot to add inputs.")
    dims = _spread(in_dims, args)
    if dims is None:
        raise ArgumentError(
            f"{here}: in_dims is not compatible with the structure of `inputs`: {described(in_dims)} and "
            f"{described(args)}"
        )
    found = leaves(args)
    sizes = [x.shape[d] for x, d in zip(found, dims, strict=True) if _is_divided(here, x, d)]
    if not sizes:
        raise ArgumentError(f"{here}: in_dims has no dimension; at least one input must be divided into examples")
    if len(set(sizes)) > 1:
        raise ArgumentError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    count = sizes[0] or 1
    parts = [_divided(x, d, count, sizes[0] == 0) for x, d in zip(found, dims, strict=True)]
    calls = []
    for i in range(count):
        values = iter([part[i] for part in parts])
        calls.append(mapped(lambda leaf, values=values: next(values), args))
    return calls, sizes[0] == 0


def _is_divided(here: str, x: Any, dim: Any) -> bool:
    """Whether the leaf `x` has a part for each example."""
    if dim is None:
        return False
    if not isinstance(dim, int):
        raise ArgumentError(
            f"{here}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
        )
    if not isinstance(x, Tensor):
        raise ArgumentError(
            f"{here}: Got in_dim={dim} for an input but the input is of type {type(x)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    if not -x.ndim <= dim < x.ndim:
        raise ArgumentError(
            f"{here}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {x.ndim} so "
            f"expected in_dim to satisfy -{x.ndim} <= in_dim < {x.ndim}."
        )
    return True


def _divided(x: Any, dim: Any, count: int, is_empty: bool) -> Any:
    """What each call gets of a leaf."""
    if dim is None:
        return [x] * count
    if is_empty:
        shape = [n for axis, n in enumerate(x.shape) if axis != dim % x.ndim]
        return [zeros(shape, dtype=x.dtype, device=x.device)]
    return x.unbind(dim)


def _drawn(examples: list[Any], randomness: str) -> Iterator[Any]:
    """The examples, with the generator of random numbers as it has to be before each."""
    generator = random.default_generator
    before = generator.get_state_array()
    for example in examples:
        if randomness == "same":
            generator.set_state_array(before)
        yield example
        if randomness == "error" and (generator.get_state_array() != before).any():
            raise GraphError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )


def _stacked(name: str, results: list[Any], out_dims: Any, is_empty: bool) -> Any:
    """The results of all examples, as one nest of tensors."""
    for out in leaves(results[0]):
        if not isinstance(out, Tensor):
            raise ArgumentError(
                f"{name}, ...): the function must only return Tensors, got type {type(out)}. Did you mean to set "
                "out_dims= to None for output?"
            )
    if any(not (dim is None or isinstance(dim, int)) for dim in leaves(out_dims)):
        raise ArgumentError(
            f"{name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
            "representing where in the outputs the vmapped dimension should appear."
        )
    dims = _spread(out_dims, results[0])
    if dims is None:
        raise ArgumentError(
            f"{name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`: "
            f"{described(out_dims)} and {described(results[0])}"
        )
    places = iter(dims)

    def joined(*parts: Tensor) -> Tensor:
        dim = next(places)
        if dim is not None:
            together = stack(parts, dim)
            return together.narrow(dim, 0, 0) if is_empty else together
        if not all(part is parts[0] or bool((part == parts[0]).all()) for part in parts):
            raise ArgumentError(f"{name}, ...): the results of the examples differ where out_dim is None")
        return parts[0]

    return mapped(joined, *results)


def _spread(dims: Any, tree: Any) -> list[Any] | None:
    """A dimension for each leaf of `tree`, from a nest in which one may stand for a whole part; None if it cannot."""
    if type(dims) in DICTS and type(tree) in DICTS and dims.keys() == tree.keys():
        pairs = [(dims[key], tree[key]) for key in tree]
    elif isinstance(dims, LISTS) and type(dims) is type(tree) and len(dims) == len(tree):
        pairs = list(zip(dims, tree, strict=True))
    elif isinstance(dims, (dict, *LISTS)):
        return None
    else:
        return [dims] * len(leaves(tree))
    parts = [_spread(*pair) for pair in pairs]
    return None if None in parts else [dim for part in parts if part is not None for dim in part]
