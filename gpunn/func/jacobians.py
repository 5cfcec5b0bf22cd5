"""Whole Jacobians and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunn import engine
from gpunn.autograd.functional import products
from gpunn.errors import ArgumentError
from gpunn.func.products import Pushed, check_floating, check_tensors
from gpunn.func.transforms import Argnums, Traced
from gpunn.func.trees import leaves, mapped
from gpunn.ops.creation import ones_like, zeros_like
from gpunn.ops.shape.joining import stack
from gpunn.tensor import Tensor


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function with the arguments of `func` that returns its Jacobian, or with `has_aux` (Jacobian, aux).

    For each tensor of the result a nest like the arguments in the places `argnums`, as `grad` returns it, of tensors of
    shape output.shape + input.shape. One walk back for each element of the result; `chunk_size` changes nothing.
    Raises GraphError for results that are not floating point.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ArgumentError("jacrev: `chunk_size` should be greater than 0.")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = Traced("jacrev", func, args, kwargs, argnums, has_aux)
        check_tensors("jacrev(f)(*args)", call.result)
        check_floating("jacrev(f)(*args)", call.result)
        create_graph = call.depends(*leaves(call.result))

        def blocks(out: Tensor) -> Any:
            with engine.enable_grad():
                elements = out.reshape(-1).unbind() if out.numel() else ()
            rows = [products([y], call.inputs, [ones_like(y)], create_graph, retain_graph=True) for y in elements]
            return call.like_primals(
                call.let_go(_stacked([row[i] for row in rows], (*out.shape, *x.shape), x))
                for i, x in enumerate(call.inputs)
            )

        found = mapped(blocks, call.result)
        return (found, call.aux) if has_aux else found

    return transformed


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """What `jacrev` gives, computed column by column, as `jvp` does it: for results longer than the arguments.

    `func` is called once, whatever `randomness` says of drawing random numbers.
    """
    if randomness not in ("error", "different", "same"):
        raise ArgumentError(f"jacfwd: randomness must be 'error', 'different' or 'same', got {randomness!r}")

    def transformed(*args: Any, **kwargs: Any) -> Any:
        call = Traced("jacfwd", func, args, kwargs, argnums, has_aux)
        check_tensors("jacfwd(f)(*args)", call.result)
        push = Pushed(call)
        columns = [[leaves(push(v)) for v in _directions(call.inputs, i)] for i in range(len(call.inputs))]
        numbers = iter(range(len(push.outs)))

        def blocks(out: Tensor) -> Any:
            k = next(numbers)
            return call.like_primals(
                call.let_go(_columns([column[k] for column in columns[i]], out, x)) for i, x in enumerate(call.inputs)
            )

        found = mapped(blocks, call.result)
        return (found, call.aux) if has_aux else found

    return transformed


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function with the arguments of `func` that returns its second derivatives: the Jacobian of its Jacobian."""
    return jacrev(jacrev(func, argnums), argnums)


def _directions(inputs: list[Tensor], i: int) -> list[list[Tensor]]:
    """For each element of input `i` tangents of all inputs: 1 for this element, 0 for the others."""
    zeros = [zeros_like(x) for x in inputs]
    found = []
    for k in range(inputs[i].numel()):
        one = zeros_like(inputs[i]).reshape(-1)
        one[k] = 1
        found.append([*zeros[:i], one.reshape(inputs[i].shape), *zeros[i + 1 :]])
    return found


def _stacked(rows: list[Tensor], shape: tuple[int, ...], x: Tensor) -> Tensor:
    return stack(rows).reshape(shape) if rows else x.new_zeros(shape)


def _columns(columns: list[Tensor], out: Tensor, x: Tensor) -> Tensor:
    shape = (*out.shape, *x.shape)
    return stack(columns, -1).reshape(shape) if columns else out.new_zeros(shape)
