"""Products of Jacobians with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gpunn import engine
from gpunn.autograd import grad
from gpunn.autograd.functional import products
from gpunn.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from gpunn.func.transforms import Traced
from gpunn.func.trees import described, leaves, mapped
from gpunn.ops.creation import zeros_like
from gpunn.tensor import Tensor


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """func(*primals), and the function that multiplies its Jacobian with cotangents from the left: Jᵀ u.

    The result of `func` is a nest of tensors, or with `has_aux` a pair of it and other tensors, which come third.
    `vjp_fn(u)` takes a nest like the result, and returns a tuple with a nest like each of `primals`; it may be called
    more than once. Raises GraphError for nests that do not fit, and for results that are not floating point.
    """
    call = traced("vjp", func, primals, has_aux)
    check_floating("vjp", call.result)
    outs = leaves(call.result)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given = fitting(
            call.result,
            cotangents,
            "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
            f"cotangents: {described(cotangents)}, primal output: {described(call.result)}",
        )
        for u in given:
            if not isinstance(u, Tensor):
                raise ArgumentTypeError(f"vjp_fn: cotangents can only be Tensors, but got {type(u).__name__}")
        if create_graph is None:
            create_graph = engine.is_grad_enabled() and call.depends(*outs, *given)
        found = products(outs, call.inputs, given, create_graph, retain_graph=retain_graph)
        return call.like_primals(map(call.let_go, found))

    result = mapped(call.let_go, call.result)
    return (result, vjp_fn, call.aux) if has_aux else (result, vjp_fn)


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    """func(*primals), and the product of its Jacobian with `tangents`: J v. With `has_aux` what else it returns, third.

    `tangents` is a tuple of nests like `primals`. Computed by differentiating Jᵀ u by u: two walks back instead of one
    forward, which needs the second derivatives of all operations in `func`. With `strict`, GraphError if a tensor of
    the result does not depend on the primals; its product is 0 otherwise.
    """
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise GraphError(f"{name}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    given = _tangents(name, primals, tangents)
    call = traced("jvp", func, primals, has_aux)
    if strict and any(_is_independent(out, call.inputs) for out in leaves(call.result)):
        raise GraphError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed "
            "with strict=True."
        )
    found = Pushed(call)(given)
    result = mapped(call.let_go, call.result)
    return (result, found, call.aux) if has_aux else (result, found)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """func(*primals), and the function that multiplies its Jacobian with tangents, nests like the primals.

    As often as one likes; see `jvp`.
    """
    call = traced("linearize", func, primals, has_aux=False)
    push = Pushed(call)

    def jvp_fn(*tangents: Any) -> Any:
        return push(_tangents("linearize(f, *primals)", primals, tangents))

    return mapped(call.let_go, call.result), jvp_fn


class Pushed:
    """v -> J v of a call: Jᵀ u, which is linear in u, differentiated by u in the direction v."""

    def __init__(self, call: Traced) -> None:
        self.call, self.outs = call, leaves(call.result)
        with engine.enable_grad():
            self.dummies = [call.owned(zeros_like(o, requires_grad=o.is_floating_point())) for o in self.outs]
            self.rows = products(self.outs, call.inputs, self.dummies, create_graph=True)

    def __call__(self, tangents: Sequence[Tensor]) -> Any:
        create_graph = engine.is_grad_enabled() and self.call.depends(*self.outs, *tangents)
        real = [u for u in self.dummies if u.requires_grad]
        several = iter(products(self.rows, real, tangents, create_graph, retain_graph=True))
        found = iter([next(several) if u.requires_grad else u for u in self.dummies])
        return mapped(lambda out: self.call.let_go(next(found)), self.call.result)


def traced(name: str, func: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool) -> Traced:
    """The call func(*primals), whose result must be a nest of tensors."""
    if not primals:
        raise GraphError(f"{name}: Expected at least one primal to differentiate by")
    call = Traced(name, func, primals, {}, tuple(range(len(primals))), has_aux)
    check_tensors(f"{name}(f, *primals)", call.result)
    return call


def check_tensors(name: str, result: Any) -> None:
    """Raise GraphError unless `result` is a nest of tensors."""
    found = leaves(result)
    if not found:
        raise GraphError(f"{name}: Expected f to be a function that has non-empty output (got output = {result})")
    for out in found:
        if not isinstance(out, Tensor):
            raise GraphError(f"{name}: expected f to return only tensors, got unsupported type {type(out)}")


def check_floating(name: str, result: Any) -> None:
    """Raise GraphError unless all tensors of `result` are of floating point dtype."""
    for out in leaves(result):
        if not out.is_floating_point():
            raise GraphError(
                f"{name}: All outputs of f must be floating-point Tensors, got Tensor with dtype {out.dtype}"
            )


def _is_independent(out: Tensor, inputs: Sequence[Tensor]) -> bool:
    if not out.requires_grad:
        return True
    return all(g is None for g in grad([out], inputs, [zeros_like(out)], retain_graph=True, allow_unused=True))


def fitting(like: Any, tree: Any, problem: str) -> list[Any]:
    """The leaves of `tree`, in the order of `like`; GraphError(problem) if its structure is another."""
    found: list[Any] = []
    try:
        mapped(lambda leaf, other: found.append(other), like, tree)
    except GraphError:
        raise GraphError(problem) from None
    return found


def _tangents(name: str, primals: tuple[Any, ...], tangents: Any) -> list[Tensor]:
    """The tensors in `tangents`, each of the shape of its primal."""
    found = fitting(
        primals,
        tangents,
        f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple "
        f"of 3 tensors, tangents also must be. Got primals {described(primals)} and tangents {described(tangents)}",
    )
    for x, v in zip(leaves(primals), found, strict=True):
        if not (isinstance(x, Tensor) and isinstance(v, Tensor)):
            raise ArgumentError(f"{name}: Thing passed to transform API must be Tensor, got {type(x)} and {type(v)}")
        for what, given in (("primal", x), ("tangent", v)):
            if not given.is_floating_point():
                raise ArgumentError(f"{name}: Expected {what} to be floating point, but got: {given.dtype}")
        if x.shape != v.shape:
            raise ShapeError(
                f"{name}: the tangent must have the shape of its primal {tuple(x.shape)}, got {tuple(v.shape)}"
            )
    return found
