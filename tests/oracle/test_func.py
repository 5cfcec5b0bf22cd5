"""Transforms of functions, and products with Hessians, against PyTorch's on the same programs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves, tree_map

import gpunn as gp
from tests.oracle.bridge import Twins
from tests.oracle.checks import FAMILIES
from tests.oracle.compare import difference

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
X = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
W = torch.tensor([1.0, 2.0, -0.5], dtype=torch.float64)


def cubic(x: Any) -> Any:
    return (x**3).sum()


def mixed(x: Any, y: Any) -> Any:
    return (x * x * y.sin()).sum()


def nested(d: Any) -> Any:
    return {"p": d["a"] * d["b"][0], "s": (d["a"].sum(),)}


def without_graph(t: Any, transformed: Callable[..., Any], x: Any) -> Any:
    with t.no_grad():
        return transformed(x)


PROGRAMS: dict[str, Callable[..., Any]] = {
    "grad": lambda t, x, w: t.func.grad(cubic)(x),
    "grad of grad": lambda t, x, w: t.func.grad(lambda y: t.func.grad(cubic)(y).sum())(x),
    "grad by two": lambda t, x, w: t.func.grad(mixed, argnums=(1, 0))(x, w),
    "grad of a nest": lambda t, x, w: t.func.grad(lambda d: (nested(d)["p"] ** 2).sum())({"a": x, "b": [w, x]}),
    "grad_and_value with aux": lambda t, x, w: t.func.grad_and_value(lambda y: (cubic(y), (y * 2,)), has_aux=True)(x),
    "vmap": lambda t, x, w: t.func.vmap(mixed)(x, w),
    "vmap of rows and a whole": lambda t, x, w: t.vmap(t.dot, in_dims=(0, None))(t.outer(x, w), w),
    "vmap of columns": lambda t, x, w: t.func.vmap(lambda a: a * 2, in_dims=1, out_dims=-1)(t.outer(x, w)[:2]),
    "vmap of a nest": lambda t, x, w: t.func.vmap(nested, ({"a": 0, "b": [None, 0]},))({"a": x, "b": [w, x]}),
    "vmap to a nest": lambda t, x, w: t.func.vmap(lambda a: {"a": a, "b": (a.outer(a), a)}, out_dims=1)(t.outer(x, w)),
    "vmap to two places": lambda t, x, w: t.func.vmap(lambda a: (a, a), out_dims=(0, 1))(t.outer(x, w)[:2]),
    "vmap of vmap": lambda t, x, w: t.func.vmap(t.func.vmap(mixed, (0, None)), (None, 0))(x, w),
    "vmap of grad": lambda t, x, w: t.func.vmap(t.func.grad(mixed, (0, 1)))(x, w),
    "grad of vmap": lambda t, x, w: t.func.grad(lambda y: t.func.vmap(cubic)(y[:, None] * w).sum())(x),
    "jacrev of vmap": lambda t, x, w: t.func.jacrev(lambda y: t.func.vmap(mixed, (0, None))(y, w[0]))(x),
    "vmap of jacrev": lambda t, x, w: t.func.vmap(t.func.jacrev(lambda a: a**2))(t.outer(x, w)),
    "vmap of nothing": lambda t, x, w: t.func.vmap(lambda a: a.sum())(t.outer(x, w)[:0]),
    "vmap of no example": lambda t, x, w: t.func.vmap(lambda a: t.outer(a, a), 1, 1)(t.outer(x, w)[:, :0]),
    "vmap with what is the same": lambda t, x, w: t.func.vmap(lambda a, n: w * n, (0, None), None)(x, 3),
    "vmap in chunks": lambda t, x, w: t.func.vmap(cubic, chunk_size=2)(x[:, None]),
    "vmap of two sizes": lambda t, x, w: t.func.vmap(mixed)(x, w[:2]),
    "vmap of a number": lambda t, x, w: t.func.vmap(mixed)(x, 3.0),
    "vmap of no argument": lambda t, x, w: t.func.vmap(cubic)(),
    "vmap along no dimension": lambda t, x, w: t.func.vmap(cubic, in_dims=1)(x),
    "vmap along too many": lambda t, x, w: t.func.vmap(cubic, in_dims=(0, 0))(x),
    "vmap along None": lambda t, x, w: t.func.vmap(cubic, in_dims=None)(x),
    "vmap along a text": lambda t, x, w: t.func.vmap(cubic, in_dims=("0",))(x),
    "vmap to a text": lambda t, x, w: t.func.vmap(cubic, out_dims="0")(x),
    "vmap to too few": lambda t, x, w: t.func.vmap(lambda a: (a, a), out_dims=(0,))(x),
    "vmap to no dimension": lambda t, x, w: t.func.vmap(cubic, out_dims=3)(x),
    "vmap to one of what differs": lambda t, x, w: t.func.vmap(cubic, out_dims=None)(x),
    "vmap to numbers": lambda t, x, w: t.func.vmap(lambda a: 3)(x),
    "vmap of random numbers": lambda t, x, w: t.func.vmap(lambda a: a * t.rand(2))(x),
    "vmap with another randomness": lambda t, x, w: t.func.vmap(cubic, randomness="none")(x),
    "vmap in no chunks": lambda t, x, w: t.func.vmap(cubic, chunk_size=0)(x),
    "grad of a vector": lambda t, x, w: t.func.grad(lambda y: y * 2)(x),
    "grad by a number": lambda t, x, w: t.func.grad(lambda y: y * 2)(3.0),
    "grad by nothing": lambda t, x, w: t.func.grad(cubic, argnums=())(x),
    "grad by one too far": lambda t, x, w: t.func.grad(cubic, argnums=1)(x),
    "vjp": lambda t, x, w: t.func.vjp(mixed, x, w)[1](x.sum()),
    "vjp of a nest": lambda t, x, w: t.func.vjp(nested, {"a": x, "b": [w, x]})[1]({"p": w, "s": (x.sum(),)}),
    "vjp of another nest": lambda t, x, w: t.func.vjp(nested, {"a": x, "b": [w, x]})[1](w),
    "jvp": lambda t, x, w: t.func.jvp(mixed, (x, w), (w, x)),
    "jvp of a nest": lambda t, x, w: t.func.jvp(nested, ({"a": x, "b": [w, x]},), ({"a": w, "b": [x, w]},)),
    "jvp of another nest": lambda t, x, w: t.func.jvp(cubic, (x,), (x, w)),
    "jvp of a constant": lambda t, x, w: t.func.jvp(lambda y: w * 1, (x,), (w,), strict=True),
    "jacrev": lambda t, x, w: t.func.jacrev(nested)({"a": x, "b": [w, x]}),
    "jacrev by two": lambda t, x, w: t.func.jacrev(lambda a, b: (a * b, a.sum()), argnums=(0, 1))(x, w),
    "jacfwd": lambda t, x, w: t.func.jacfwd(nested)({"a": x, "b": [w, x]}),
    "jacfwd of jacrev": lambda t, x, w: t.func.jacfwd(t.func.jacrev(cubic))(x),
    "hessian": lambda t, x, w: t.func.hessian(mixed, argnums=(0, 1))(x, w),
    "hessian without a graph": lambda t, x, w: without_graph(t, t.func.hessian(cubic), x),
    "jacrev without a graph": lambda t, x, w: without_graph(t, t.func.jacrev(lambda y: y * y), x),
    "grad by the cotangent": lambda t, x, w: t.func.grad(lambda u: t.func.vjp(lambda a: a**3, x)[1](u)[0].sum())(w),
    "grad by the tangent": lambda t, x, w: t.func.grad(lambda v: t.func.jvp(cubic, (x,), (v,))[1])(w),
    "vjp of a vjp": lambda t, x, w: t.func.vjp(t.func.vjp(lambda a: a**3, x)[1], w)[1]((w,)),
    "vjp of whole numbers": lambda t, x, w: t.func.vjp(lambda a: (a * 2, a.argmax()), x)[1]((w, x.argmax())),
    "jacrev of whole numbers": lambda t, x, w: t.func.jacrev(lambda a: a.argmax())(x),
    "jvp in part constant": lambda t, x, w: t.func.jvp(lambda y: (y * 1, w * 1), (x,), (w,), strict=True),
    "jvp with whole tangents": lambda t, x, w: t.func.jvp(cubic, (x,), (w.long(),)),
    "vjp by a number": lambda t, x, w: t.func.vjp(cubic, x)[1](2.0),
    "grad of other nests": lambda t, x, w: t.func.grad(lambda d: (d["a"] * d["b"][0]).sum())(
        defaultdict(list, a=x, b=deque([w, x], 2))
    ),
    "hvp": lambda t, x, w: t.autograd.functional.hvp(mixed, (x, w), (w, x)),
    "vhp": lambda t, x, w: t.autograd.functional.vhp(mixed, (x, w), (w, x)),
    "hvp without v": lambda t, x, w: t.autograd.functional.hvp(cubic, x),
    "vhp of a vector": lambda t, x, w: t.autograd.functional.vhp(lambda y: y * y, x, x),
    "module": lambda t, x, w: t.func.grad(
        lambda p: t.func.functional_call(t.nn.Linear(3, 1, dtype=t.float64), p, x).sum() ** 2
    )({"weight": w[None], "bias": x[:1]}),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("leaf", [False, True])
def test_program(name: str, leaf: bool) -> None:
    """Values, structure and what can be differentiated again are PyTorch's; where PyTorch fails, so does gpunn."""
    program, x, w = PROGRAMS[name], X.clone().requires_grad_(leaf), W.clone()
    ours = [Twins().of(v) for v in (x, w)]
    try:
        expected = program(torch, x, w)
    except FAMILIES as refusal:
        with pytest.raises(type(refusal)):
            program(gp, *ours)
        return
    found = program(gp, *ours)
    assert str(tree_map(lambda v: None, found)) == str(tree_map(lambda v: None, expected))
    for mine, theirs in zip(tree_leaves(found), tree_leaves(expected), strict=True):
        assert difference(mine, theirs) is None
        assert theirs.requires_grad or not mine.requires_grad
        if theirs.requires_grad and theirs.numel():
            again = torch.autograd.grad(theirs.sum(), x, retain_graph=True)[0].numpy()
            if mine.requires_grad:
                found_again = gp.autograd.grad(mine.sum(), ours[0], retain_graph=True)[0].cpu().numpy()
                np.testing.assert_allclose(found_again, again, rtol=1e-12)
            else:
                assert not again.any()
