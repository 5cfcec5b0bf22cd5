"""check_op: the checks every operation passes. An op's own test is a row in a table.

Values are compared with NumPy in float64. First and second derivatives are compared with central differences along
one random direction: <J v, u> = <v, J^T u> takes two forward calls whatever the size (autograd's check_vjp).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import gpunn as gp
from gpunn import backend

EPS = 1e-5
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-6, "float64": 1e-12}  # relative and absolute


def check_op(
    op: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: Sequence[Any],
    device: str,
    *,
    derivatives: int = 2,
    rtol: float = 1e-12,
    gradient_rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compare `op` with `reference`, then its derivatives with differences.

    `inputs` are float64 arrays, or shapes, which stand for distinct values without zeros and ties in (-1.1, 1.1).
    `op` takes tensors and returns one tensor or a tuple; `reference` takes and returns arrays.
    """
    rng = np.random.default_rng(seed)
    arrays = [distinct(x, rng) if isinstance(x, tuple) else np.asarray(x, np.float64) for x in inputs]
    found, wanted = as_tuple(run(op, arrays, device)), as_tuple(reference(*[a.copy() for a in arrays]))
    assert len(found) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        assert mine.shape == np.shape(theirs), f"shape {mine.shape}, expected {np.shape(theirs)}"
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=rtol)
    if derivatives >= 1:
        check_gradient(op, arrays, rng, device, gradient_rtol)
    if derivatives >= 2:
        check_gradient(gradient_of(op, device), arrays, rng, device, gradient_rtol)


def check_dtypes(
    op: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: Sequence[Any],
    device: str,
    names: Sequence[str] = ("float16", "bfloat16", "float32"),
    factor: float = 1.0,
) -> None:
    """Compare `op` on each lower precision with `reference` in float64 on the same rounded inputs."""
    rng = np.random.default_rng(1)
    arrays = [distinct(x, rng) if isinstance(x, tuple) else np.asarray(x, np.float64) for x in inputs]
    for name in names:
        dtype = getattr(gp, name)
        rounded = [a.astype(dtype.numpy) for a in arrays]
        out = op(*[gp.tensor(a, device=device) for a in rounded])
        wanted = as_tuple(reference(*[a.astype(np.float64) for a in rounded]))
        for mine, theirs in zip(as_tuple(out), wanted, strict=True):
            assert mine.dtype is dtype, f"dtype {mine.dtype}, expected {dtype}"
            got = backend.asnumpy(mine.array).astype(np.float64)
            limit = TOLERANCE[name] * factor
            np.testing.assert_allclose(got, theirs, rtol=limit, atol=limit, err_msg=name)


def check_gradient(
    f: Callable[..., Any], arrays: list[np.ndarray], rng: np.random.Generator, device: str, rtol: float
) -> None:
    """<J v, u> by central differences equals <v, J^T u> by backward."""
    inputs = leaves(arrays, device)
    results = as_tuple(f(*inputs))
    chosen = [i for i, o in enumerate(results) if isinstance(o, gp.Tensor) and o.requires_grad]
    outs = [results[i] for i in chosen]
    if not outs:
        return
    weights = [rng.standard_normal(o.shape) for o in outs]
    gp.autograd.backward(outs, [gp.tensor(w, device=device) for w in weights])
    v = [rng.standard_normal(a.shape) for a in arrays]
    up, down = (
        as_tuple(run(f, [a + sign * EPS * d for a, d in zip(arrays, v, strict=True)], device)) for sign in (1, -1)
    )
    numeric = sum(((up[i] - down[i]) / (2 * EPS) * w).sum() for i, w in zip(chosen, weights, strict=True))
    grads = [None if t.grad is None else backend.asnumpy(t.grad.array) for t in inputs]
    exact = sum((g * d).sum() for g, d in zip(grads, v, strict=True) if g is not None)
    scale = max(1.0, float(sum(np.abs(w).sum() for w in weights)) ** 0.5)
    np.testing.assert_allclose(exact, numeric, rtol=rtol, atol=rtol * scale)


def gradient_of(op: Callable[..., Any], device: str) -> Callable[..., Any]:
    """The function inputs -> d(weighted sum of op)/d(inputs), itself differentiable."""

    def gradient(*inputs: Any) -> Any:
        outs = [o for o in as_tuple(op(*inputs)) if o.requires_grad]
        weights = [gp.tensor(np.linspace(0.5, 1.5, o.numel()).reshape(o.shape), device=device) for o in outs]
        found = gp.autograd.grad(outs, inputs, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradient


def distinct(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """An array of values in (-1.1, 1.1), all different, none zero or an integer."""
    n = int(np.prod(shape))
    return (rng.permutation(n).reshape(shape) * 2.0 - n + 0.937) / (n + 0.321)


def run(f: Callable[..., Any], arrays: Sequence[np.ndarray], device: str) -> Any:
    """f on leaves made of `arrays`, as NumPy arrays."""
    outs = tuple(backend.asnumpy(o.array) for o in as_tuple(f(*leaves(arrays, device))))
    return outs if len(outs) > 1 else outs[0]


def leaves(arrays: Sequence[np.ndarray], device: str) -> list[Any]:
    """Tensors on `device` that require gradients."""
    return [gp.tensor(a, device=device, requires_grad=True) for a in arrays]


def as_tuple(x: Any) -> tuple[Any, ...]:
    """`x` as a tuple: itself if it is one (also a named one or a list), else of one element."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)
