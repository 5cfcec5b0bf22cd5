"""Derivatives of functions of tensors: Jacobian, Hessian, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from gpunn import engine
from gpunn.autograd.gradients import grad
from gpunn.errors import ArgumentError, ArgumentTypeError, GraphError
from gpunn.ops.creation import ones_like, zeros_like
from gpunn.ops.shape.joining import stack
from gpunn.tensor import Tensor

Tensors: TypeAlias = "Tensor | tuple[Tensor, ...]"


def jacobian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """d func(*inputs) / d inputs: for each output and input a tensor of shape output.shape + input.shape.

    A single tensor for one output and one input, else (nested) tuples. Rows are computed one backward at a time;
    `vectorize` and `strategy` are accepted and change nothing. `strict`: raise where an output does not depend on
    an input, instead of giving zeros.
    """
    with engine.enable_grad():
        args, one_input = _prepared(inputs, create_graph)
        outs, one_output = _outputs(func(*args), "jacobian")
        rows = tuple(tuple(_jacobian_of(o, args, i, create_graph, strict) for i in range(len(args))) for o in outs)
    if one_input:
        return rows[0][0] if one_output else tuple(row[0] for row in rows)
    return rows[0] if one_output else rows


def _jacobian_of(out: Tensor, args: tuple[Tensor, ...], i: int, create_graph: bool, strict: bool) -> Tensor:
    """The block of output `out` and input `i`, (out.shape + input.shape)."""
    flat = out.reshape(-1)
    rows: list[Tensor] = []
    for k in range(flat.numel()):
        found = None
        if out.requires_grad:
            found = grad(flat[k], args[i], retain_graph=True, create_graph=create_graph, allow_unused=True)[0]
        if found is None and strict:
            raise GraphError(f"jacobian: Output of the function is independent of input {i}; not allowed with strict")
        rows.append(zeros_like(args[i]) if found is None else found)
    shape = (*out.shape, *args[i].shape)
    result = stack(rows).reshape(shape) if rows else args[i].new_zeros(shape)
    return result if create_graph else result.detach()


def hessian(
    func: Callable[..., Any],
    inputs: Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Second derivatives of a function with one scalar output: the Jacobian of its gradient."""
    one_input = isinstance(inputs, Tensor)

    def gradient(*args: Tensor) -> Any:
        outs, one_output = _outputs(func(*args), "hessian")
        if not one_output or outs[0].numel() != 1:
            raise GraphError("hessian: the function must return a single Tensor with a single element")
        found = jacobian(lambda *a: func(*a).reshape(()), args, create_graph=True, strict=strict)
        return found[0] if one_input else found

    return jacobian(gradient, inputs, create_graph, strict)


def vjp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), v^T J): one backward. `v` has the shapes of the outputs; left out for a scalar output."""
    with engine.enable_grad():
        args, one_input = _prepared(inputs, create_graph)
        outs, one_output = _outputs(func(*args), "vjp")
        weights = _weights(v, outs, "vjp", "output")
        found = products(outs, args, weights, create_graph, strict)
    values = outs if create_graph else tuple(o.detach() for o in outs)
    return values[0] if one_output else values, found[0] if one_input else found


def jvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), J v) by two backwards: d/du of (u^T J) in the direction v. `v` has the shapes of the inputs."""
    with engine.enable_grad():
        args, _ = _prepared(inputs, create_graph)
        outs, one_output = _outputs(func(*args), "jvp")
        weights = _weights(v, args, "jvp", "input")
        dummies = tuple(zeros_like(o, requires_grad=True) for o in outs)
        rows = products(outs, args, dummies, True, strict)
        found = products(rows, dummies, weights, create_graph, strict)
    values = outs if create_graph else tuple(o.detach() for o in outs)
    return (values[0], found[0]) if one_output else (values, found)


def vhp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), v^T H) of a function with one scalar output, by two backwards. `v` has the shapes of the inputs.

    Left out for an input with one element.
    """
    with engine.enable_grad():
        args, weights, out, gradient = _gradient("vhp", func, inputs, v, create_graph, strict)
        found = products(gradient, args, weights, create_graph, strict)
    return out if create_graph else out.detach(), found[0] if isinstance(inputs, Tensor) else found


def hvp(
    func: Callable[..., Any],
    inputs: Tensors,
    v: Tensors | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """(func(*inputs), H v), by three backwards; where the second derivatives are continuous, `vhp` gives the same."""
    with engine.enable_grad():
        args, weights, out, gradient = _gradient("hvp", func, inputs, v, create_graph, strict)
        dummies = tuple(zeros_like(a, requires_grad=True) for a in args)
        rows = products(gradient, args, dummies, True, strict)
        found = products(rows, dummies, weights, create_graph, strict)
    return out if create_graph else out.detach(), found[0] if isinstance(inputs, Tensor) else found


def _gradient(
    name: str, func: Callable[..., Any], inputs: Tensors, v: Tensors | None, create_graph: bool, strict: bool
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...], Tensor, tuple[Tensor, ...]]:
    """The inputs, the vectors v, func(*inputs), and its gradient, which can be differentiated again."""
    args, _ = _prepared(inputs, create_graph)
    weights = _weights(v, args, name, "input")
    out = _scalar(func(*args), name)
    return args, weights, out, products([out], args, [ones_like(out)], True, strict)


def products(
    outs: Sequence[Tensor],
    args: Sequence[Tensor],
    weights: Sequence[Tensor],
    create_graph: bool,
    strict: bool = False,
    retain_graph: bool | None = None,
) -> tuple[Tensor, ...]:
    """Gradients of sum(outs * weights), zeros where there is no path, or GraphError if `strict`."""
    pairs = [(o, w) for o, w in zip(outs, weights, strict=True) if o.requires_grad]
    found: tuple[Any, ...] = (None,) * len(args)
    if pairs and args:
        found = grad([o for o, _ in pairs], args, [w for _, w in pairs], retain_graph, create_graph, allow_unused=True)
    if strict and any(g is None for g in found):
        raise GraphError("strict mode: an output of the function is independent of an input")
    return tuple(zeros_like(a) if g is None else g for g, a in zip(found, args, strict=True))


def _prepared(inputs: Tensors, create_graph: bool) -> tuple[tuple[Tensor, ...], bool]:
    """The inputs as tensors that require gradients, cut off from their history unless `create_graph`."""
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    for x in given:
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(f"inputs must be a Tensor or a tuple of Tensors, got {type(x).__name__}")
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in given), isinstance(
            inputs, Tensor
        )
    return tuple(x.detach().requires_grad_() for x in given), isinstance(inputs, Tensor)


def _outputs(result: Any, name: str) -> tuple[tuple[Tensor, ...], bool]:
    outs = (result,) if isinstance(result, Tensor) else result
    if not isinstance(outs, tuple) or not all(isinstance(o, Tensor) for o in outs):
        raise ArgumentTypeError(f"{name}: the function must return a Tensor or a tuple of Tensors, got {type(result)}")
    return outs, isinstance(result, Tensor)


def _scalar(result: Any, name: str) -> Tensor:
    """The result of a function that must return a Tensor with a single element."""
    outs, one_output = _outputs(result, name)
    if not one_output:
        raise GraphError(f"{name}: The function given to {name} should return a single Tensor")
    if outs[0].numel() != 1:
        raise GraphError(
            f"{name}: The Tensor returned by the function given to {name} should contain a single element, got shape "
            f"{tuple(outs[0].shape)}"
        )
    return outs[0]


def _weights(v: Tensors | None, like: tuple[Tensor, ...], name: str, what: str) -> tuple[Tensor, ...]:
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise GraphError(f"{name}: v can only be left out if there is one {what} with one element")
        return (ones_like(like[0]),)
    given = (v,) if isinstance(v, Tensor) else tuple(v)
    if [tuple(x.shape) for x in given] != [tuple(x.shape) for x in like]:
        raise ArgumentError(
            f"{name}: v must have the shapes of the {what}s {[tuple(x.shape) for x in like]}, got "
            f"{[tuple(x.shape) for x in given]}"
        )
    return given
