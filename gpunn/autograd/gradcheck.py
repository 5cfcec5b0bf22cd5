"""gradcheck: derivatives by backward against central differences, element by element or along random directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpunn import backend, engine
from gpunn.autograd.gradients import grad
from gpunn.errors import ArgumentError, GpunnError
from gpunn.ops.creation import tensor as make_tensor
from gpunn.tensor import Tensor


class GradcheckError(GpunnError, RuntimeError):
    """Backward and differences disagree."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Sequence[Any] | Tensor,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func` at `inputs` agree with central differences.

    Inputs that require gradients should be float64. `fast_mode` compares one random projection of each Jacobian
    instead of every element. `nondet_tol`: how much two backward runs may differ. `check_undefined_grad`: an output
    without a gradient counts as one with gradient zero. `check_grad_dtypes`: gradients have the dtypes of their inputs.
    There are neither forward derivatives nor batched ones to check, nor sparse inputs, which `masked` is about.
    """
    asked = (check_batched_grad, check_batched_forward_grad, check_forward_ad, masked)
    for name, on in zip(
        ("check_batched_grad", "check_batched_forward_grad", "check_forward_ad", "masked"), asked, strict=True
    ):
        if on:
            raise ArgumentError(f"gradcheck: {name} is not supported; leave it out")
    if not check_backward_ad:
        raise ArgumentError("gradcheck: Expected at least one of check_forward_ad or check_backward_ad to be True")
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        _check(func, args, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Sequence[Any] | Tensor,
    grad_outputs: Sequence[Tensor] | Tensor | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the second derivatives of `func` at `inputs` agree with differences of the first ones."""
    if check_fwd_over_rev or not check_rev_over_rev:
        raise ArgumentError("gradgradcheck: only check_rev_over_rev=True without check_fwd_over_rev is supported")
    args = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    outs = _differentiable(func(*args))
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        weights = [_like(o, rng.standard_normal(o.shape), requires_grad=True) for o in outs]
        if gen_non_contig_grad_outputs:
            weights = [_like(w, np.repeat(w.numpy(force=True)[..., None], 2, -1)[..., 0], True) for w in weights]
    else:
        weights = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    places = [i for i, a in enumerate(args) if _needs_gradient(a)]

    def gradient(*both: Any) -> tuple[Any, ...]:
        mine, theirs = both[: len(args)], both[len(args) :]
        found = grad(
            _differentiable(func(*mine)),
            [mine[i] for i in places],
            theirs,
            create_graph=True,
            allow_unused=True,
        )
        return tuple(g for g in found if g is not None)

    return gradcheck(
        gradient,
        (*args, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        masked=masked,
    )


def _check(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    eps: float,
    atol: float,
    rtol: float,
    nondet_tol: float,
    check_undefined: bool,
    check_dtypes: bool,
    fast: bool,
) -> None:
    places = [i for i, a in enumerate(args) if _needs_gradient(a)]
    if not places:
        raise ArgumentError("gradcheck: expects at least one input tensor that requires gradients, got none")
    outs = _differentiable(func(*args))
    leaves = [args[i] for i in places]
    rng = np.random.default_rng(0)
    for o, out in enumerate(outs):
        for weight in _directions(out, rng, fast):
            found = grad(out, leaves, _like(out, weight), retain_graph=True, allow_unused=True)
            again = grad(out, leaves, _like(out, weight), retain_graph=True, allow_unused=True)
            for place, analytical, repeated in zip(places, found, again, strict=True):
                _compare_repeated(analytical, repeated, nondet_tol, place)
                if check_dtypes and analytical is not None and analytical.dtype is not args[place].dtype:
                    raise GradcheckError(
                        f"the gradient of input {place} is {analytical.dtype}, not {args[place].dtype}"
                    )
                exact = _values(analytical, args[place])
                for v in _directions(args[place], rng, fast):
                    numeric = _difference(func, args, place, v, o, weight, eps)
                    mine = float((exact * v).sum())
                    if not abs(mine - numeric) <= atol + rtol * abs(numeric):
                        raise GradcheckError(
                            f"Jacobian mismatch for output {o} with respect to input {place}: numerical {numeric:.9g}, "
                            f"analytical {mine:.9g}"
                        )
    if check_undefined and outs:
        _check_zero_gradient(outs, leaves)


def _check_zero_gradient(outs: list[Tensor], leaves: list[Tensor]) -> None:
    """Backward of zeros must be zeros, or nothing."""
    zeros = [_like(o, np.zeros(o.shape)) for o in outs]
    for found in grad(outs, leaves, zeros, retain_graph=True, allow_unused=True):
        if found is not None and backend.asnumpy(found.array).any():
            raise GradcheckError("backward not multiplied by grad_output: a zero gradient came back as nonzero")


def _compare_repeated(first: Tensor | None, second: Tensor | None, tolerance: float, place: int) -> None:
    if first is None or second is None:
        return
    apart = np.abs(backend.asnumpy(first.array) - backend.asnumpy(second.array))
    if apart.size and not np.nanmax(apart) <= tolerance:
        raise GradcheckError(f"Backward is not reentrant: two runs differ by {apart.max():.3g} for input {place}")


def _difference(
    func: Callable[..., Any], args: tuple[Any, ...], place: int, v: Any, o: int, weight: Any, eps: float
) -> float:
    """Central difference of <output o, weight> along v."""
    values = backend.asnumpy(args[place].array)
    sides: list[float] = []
    for sign in (1, -1):
        moved = list(args)
        moved[place] = _like(args[place], values + sign * eps * v, requires_grad=True)
        with engine.enable_grad():
            out = _differentiable(func(*moved))[o]
        sides.append(float((backend.asnumpy(out.array).astype(np.float64) * weight).sum()))
    return (sides[0] - sides[1]) / (2 * eps)


def _directions(x: Tensor, rng: np.random.Generator, fast: bool) -> Any:
    """Unit vectors in the space of x, one after the other; or one random direction."""
    if fast:
        direction = rng.standard_normal(x.array.shape)
        yield direction / max(float(np.sqrt((direction**2).sum())), 1e-12)
        return
    for i in range(int(x.array.size)):
        unit = np.zeros(x.array.size)
        unit[i] = 1.0
        yield unit.reshape(x.array.shape)


def _values(g: Tensor | None, like: Tensor) -> Any:
    return np.zeros(like.array.shape) if g is None else backend.asnumpy(g.array).astype(np.float64)


def _like(x: Tensor, values: Any, requires_grad: bool = False) -> Tensor:
    return make_tensor(values, dtype=x.dtype, device=x.device, requires_grad=requires_grad)


def _needs_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _differentiable(result: Any) -> list[Tensor]:
    several = result if isinstance(result, (tuple, list)) else (result,)
    return [o for o in several if _needs_gradient(o)]
