"""On a GPU no hot operation is a chain of CuPy calls: each is kernels of ours, with a few calls around them at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import gpunn as gp
from gpunn.nn import functional as F
from tests.chains import calls_of
from tests.conftest import computing_on

FEW = 3  # calls of CuPy that launch something, in the forward, and again in the backward

# How many more calls an operation may take, forward and backward, and why that is no chain to be fused.
ALLOWED: dict[str, tuple[int, int, str]] = {
    "linear": (2, 4, "products of matrices, and for bias and gradients sums of rows by products with ones"),
    "bilinear": (4, 5, "products of matrices: cuBLAS"),
    "embedding_bag": (4, 5, "bookkeeping of the offsets, as long as the bags are many"),
    "ctc_loss": (11, 4, "checks of lengths, as long as the batch"),
    "triplet_margin_loss": (3, 4, "numbers for each triplet around kernels for the distances"),
    "pow": (1, 13, "exponents that are tensors are rare; the slopes of both operands, where one may be 0 or negative"),
    "addcmul": (3, 4, "two gradients, each a product of three"),
    "addcdiv": (3, 7, "two gradients of a quotient of three"),
    "cumprod": (3, 22, "the gradient is a recurrence, computed by doubling: log2(n) rounds of a few calls"),
    "logcumsumexp": (9, 26, "a scan and a recurrence by doubling: log2(n) rounds of a few calls each"),
    "topk": (7, 1, "CuPy's argpartition, which sorts; then calls for the k best only"),
    "amax": (
        2,
        9,
        "equal elements share the gradient, so they are counted; max, with one winner, has a kernel",
    ),
    "prod": (2, 14, "products of what stands before and behind each element, so that a zero has a gradient too"),
    "renorm": (5, 8, "numbers for each row, and products with them, around kernels for the norms"),
    "mse_loss-weight": (6, 4, "weights that have gradients of their own"),
}


def x(*shape: int) -> Any:
    """Numbers with a gradient."""
    return gp.rand(*shape, device="cuda").requires_grad_()


def n(*shape: int) -> Any:
    """Numbers without."""
    return gp.rand(*shape, device="cuda")


def labels(limit: int, *shape: int) -> Any:
    """Integers in [0, limit)."""
    return gp.randint(0, limit, shape, device="cuda")


Case = tuple[Callable[..., Any], Callable[[], list[Any]]]
UNARY = "abs sign neg exp log log1p sqrt square reciprocal sin cos isfinite nan_to_num"
BINARY = "add sub mul div maximum minimum logaddexp"
SPECIAL = "erf erfc erfinv lgamma digamma i0"
ROWS = "softmin softmax log_softmax gumbel_softmax"
PLAIN = """celu elu logsigmoid selu softplus softsign tanhshrink gelu mish silu glu noisy_relu hardshrink hardsigmoid
hardswish hardtanh leaky_relu relu relu6 softshrink sigmoid tanh dropout alpha_dropout classic_dropout normalize"""
PAIRS = """binary_cross_entropy binary_cross_entropy_with_logits kl_div hinge_embedding_loss hinge_loss soft_margin_loss
huber_loss l1_loss mse_loss poisson_nll_loss smooth_l1_loss multilabel_soft_margin_loss cross_entropy"""

CASES: dict[str, Case] = {
    **{name: (getattr(F, name), lambda: [x(4, 6)]) for name in PLAIN.split()},
    **{name: (getattr(gp, name), lambda: [x(4, 6)]) for name in f"{UNARY} {SPECIAL}".split()},
    **{name: (getattr(gp, name), lambda: [x(4, 6), x(4, 6)]) for name in BINARY.split()},
    **{f"{name}-column": (getattr(gp, name), lambda: [x(4, 6), x(4, 1)]) for name in BINARY.split()},
    "i1": (gp.special.i1, lambda: [x(4, 6)]),
    "polygamma": (lambda a: gp.polygamma(2, a), lambda: [x(4, 6)]),
    **{name: (lambda a, name=name: getattr(F, name)(a, dim=1), lambda: [x(4, 6)]) for name in ROWS.split()},
    **{name: (getattr(F, name), lambda: [x(4, 6), n(4, 6)]) for name in PAIRS.split()},
    **{
        f"{name}{d}d": (getattr(F, f"{name}{d}d"), lambda d=d: [x(2, 4, *(6,) * d), 2])
        for name in ("avg_pool", "max_pool", "adaptive_avg_pool", "adaptive_max_pool")
        for d in (1, 2, 3)
    },
    **{
        f"{name}{d}d": (getattr(F, f"{name}{d}d"), lambda d=d, c=c: [x(2, 4, *(6,) * d), x(*c, *(3,) * d), x(8)])
        for name, c in (("conv", (8, 4)), ("conv_transpose", (4, 8)))
        for d in (1, 2, 3)
    },
    **{
        f"interpolate-{mode}": (
            lambda a, mode=mode: F.interpolate(a, scale_factor=2, mode=mode),
            lambda: [x(2, 3, 4, 4)],
        )
        for mode in ("nearest", "bilinear", "bicubic", "area")
    },
    **{
        f"pad-{mode}": (lambda a, mode=mode: F.pad(a, (1, 1, 1, 1), mode), lambda: [x(2, 3, 4, 4)])
        for mode in ("constant", "reflect", "replicate", "circular")
    },
    "gumbel_softmax-hard": (lambda a: F.gumbel_softmax(a, hard=True), lambda: [x(4, 6)]),
    "rrelu": (lambda a: F.rrelu(a, training=True), lambda: [x(4, 6)]),
    "prelu": (F.prelu, lambda: [x(4, 6), x(6)]),
    "attention": (F.scaled_dot_product_attention, lambda: [x(2, 3, 8, 16) for _ in range(3)]),
    "lp_pool2d": (F.lp_pool2d, lambda: [x(2, 4, 6, 6), 2, 2]),
    "median_pool2d": (F.median_pool2d, lambda: [x(2, 4, 6, 6), 3]),
    "unfold": (F.unfold, lambda: [x(2, 4, 6, 6), 3]),
    "fold": (F.fold, lambda: [x(2, 36, 16), (6, 6), 3]),
    "linear": (F.linear, lambda: [x(4, 5), x(7, 5), x(7)]),
    "bilinear": (F.bilinear, lambda: [x(4, 5), x(4, 6), x(7, 5, 6), x(7)]),
    "embedding": (F.embedding, lambda: [labels(10, 5), x(10, 6)]),
    "embedding_bag": (F.embedding_bag, lambda: [labels(10, 5, 3), x(10, 6)]),
    "batch_norm": (lambda a, b, c: F.batch_norm(a, None, None, b, c, True), lambda: [x(4, 6, 5, 5), x(6), x(6)]),
    "group_norm": (lambda a, b, c: F.group_norm(a, 2, b, c), lambda: [x(4, 6, 5, 5), x(6), x(6)]),
    "instance_norm": (F.instance_norm, lambda: [x(4, 6, 5, 5)]),
    "layer_norm": (F.layer_norm, lambda: [x(4, 6), (6,), x(6), x(6)]),
    "rms_norm": (F.rms_norm, lambda: [x(4, 6), (6,), x(6)]),
    "local_response_norm": (F.local_response_norm, lambda: [x(4, 6, 5, 5), 2]),
    "grid_sample": (lambda a, b: F.grid_sample(a, b, align_corners=False), lambda: [x(2, 3, 4, 4), x(2, 5, 5, 2)]),
    "cross_entropy-labels": (F.cross_entropy, lambda: [x(4, 6), labels(6, 4)]),
    "nll_loss": (F.nll_loss, lambda: [x(4, 6), labels(6, 4)]),
    "ctc_loss": (F.ctc_loss, lambda: [x(8, 2, 6), labels(5, 2, 3) + 1, (8, 8), (3, 3)]),
    "mse_loss-weight": (lambda a, b, w: F.mse_loss(a, b, weight=w), lambda: [x(4, 6), n(4, 6), n(4, 6)]),
    "cosine_similarity": (F.cosine_similarity, lambda: [x(4, 6), x(4, 6)]),
    "cosine_embedding_loss": (F.cosine_embedding_loss, lambda: [x(4, 6), x(4, 6), labels(2, 4) * 2 - 1]),
    "margin_ranking_loss": (F.margin_ranking_loss, lambda: [x(4), x(4), n(4)]),
    "multi_margin_loss": (F.multi_margin_loss, lambda: [x(4, 6), labels(6, 4)]),
    "multilabel_margin_loss": (F.multilabel_margin_loss, lambda: [x(4, 6), labels(6, 4, 6)]),
    "triplet_margin_loss": (F.triplet_margin_loss, lambda: [x(4, 6) for _ in range(3)]),
    "gaussian_nll_loss": (F.gaussian_nll_loss, lambda: [x(4, 6), x(4, 6), x(4, 6)]),
    "gaussian_nll_loss-rows": (F.gaussian_nll_loss, lambda: [x(4, 6), x(4, 6), x(4, 1)]),
    "pairwise_distance": (F.pairwise_distance, lambda: [x(4, 6), x(4, 6)]),
    "cdist": (gp.cdist, lambda: [x(40, 5), x(30, 5)]),
    "cdist-wide": (gp.cdist, lambda: [x(40, 70), x(30, 70)]),
    "cdist-1": (gp.cdist, lambda: [x(40, 5), x(30, 5), 1.0]),
    "logsumexp": (gp.logsumexp, lambda: [x(4, 6), 1]),
    "norm": (gp.norm, lambda: [x(4, 6), 2, 1]),
    "dist": (gp.dist, lambda: [x(4, 6), x(4, 6)]),
    **{
        f"{name}-{size}": (lambda a, name=name: getattr(gp, name)(a, 0), lambda size=size: [x(size, 4)])
        for name in ("sum", "mean", "var", "std")
        for size in (6, 5000)
    },
    "sum-all": (gp.sum, lambda: [x(2, 3, 4)]),
    "sum-channels": (lambda a: a.sum((0, 2, 3)), lambda: [x(40, 4, 5, 5)]),
    "add-bias": (gp.add, lambda: [x(5000, 4), x(4)]),
    "tril": (gp.tril, lambda: [x(4, 6)]),
    "triu": (gp.triu, lambda: [x(4, 6)]),
    "pow-2": (lambda a: a**2, lambda: [x(4, 6)]),
    "pow": (gp.pow, lambda: [x(4, 6), x(4, 6)]),
    "lerp": (lambda a, b: gp.lerp(a, b, 0.3), lambda: [x(4, 6), x(4, 6)]),
    "addcmul": (gp.addcmul, lambda: [x(4, 6) for _ in range(3)]),
    "addcdiv": (gp.addcdiv, lambda: [x(4, 6) for _ in range(3)]),
    "clamp": (lambda a: gp.clamp(a, 0.2, 0.8), lambda: [x(4, 6)]),
    "clamp_min": (lambda a: gp.clamp_min(a, 0.2), lambda: [x(4, 6)]),
    "where": (gp.where, lambda: [n(4, 6) > 0.5, x(4, 6), x(4, 6)]),
    "masked_fill": (lambda a, m: a.masked_fill(m, -1e9), lambda: [x(4, 6), n(4, 6) > 0.5]),
    "cumsum": (lambda a: gp.cumsum(a, 1), lambda: [x(4, 6)]),
    "cumprod": (lambda a: gp.cumprod(a, 1), lambda: [x(4, 6)]),
    "logcumsumexp": (lambda a: gp.logcumsumexp(a, 1), lambda: [x(4, 6)]),
    "sort": (lambda a: gp.sort(a, 1), lambda: [x(4, 6)]),
    "topk": (lambda a: gp.topk(a, 2, 1), lambda: [x(4, 6)]),
    "max": (lambda a: gp.max(a, 1), lambda: [x(4, 6)]),
    "argmax": (lambda a: gp.argmax(a, 1), lambda: [x(4, 6)]),
    "amax": (lambda a: gp.amax(a, 1), lambda: [x(4, 6)]),
    "prod": (lambda a: gp.prod(a, 1), lambda: [x(4, 6)]),
    "renorm": (lambda a: gp.renorm(a, 2, 0, 0.5), lambda: [x(4, 6)]),
    "einsum": (lambda a, b: gp.einsum("bhid,bhjd->bhij", a, b), lambda: [x(2, 2, 4, 6), x(2, 2, 5, 6)]),
    "baddbmm": (gp.baddbmm, lambda: [x(2, 4, 3), x(2, 4, 6), x(2, 6, 3)]),
    "matmul": (gp.matmul, lambda: [x(2, 4, 6), x(6, 3)]),
    "one_hot": (lambda a: F.one_hot(a, 6), lambda: [labels(6, 4)]),
    "pixel_shuffle": (lambda a: F.pixel_shuffle(a, 2), lambda: [x(2, 4, 3, 3)]),
    "pixel_unshuffle": (lambda a: F.pixel_unshuffle(a, 2), lambda: [x(2, 1, 4, 4)]),
    "channel_shuffle": (lambda a: F.channel_shuffle(a, 2), lambda: [x(2, 4, 3, 3)]),
    "roll": (lambda a: gp.roll(a, (1, 2), (0, 1)), lambda: [x(4, 6)]),
    "flip": (lambda a: gp.flip(a, (1,)), lambda: [x(4, 6)]),
    "cat": (lambda a, b: gp.cat([a, b], 1), lambda: [x(4, 6), x(4, 6)]),
    "stack": (lambda a, b: gp.stack([a, b], 1), lambda: [x(4, 6), x(4, 6)]),
    "repeat": (lambda a: a.repeat(2, 1), lambda: [x(4, 6)]),
    "normalize-1": (lambda a: F.normalize(a, 1.0), lambda: [x(4, 6)]),
    "masked_select": (gp.masked_select, lambda: [x(4, 6), n(4, 6) > 0.5]),
    "index_select": (lambda a, i: gp.index_select(a, 0, i), lambda: [x(4, 6), labels(4, 3)]),
    "scatter": (lambda a, i, s: a.scatter(1, i, s), lambda: [x(4, 6), labels(6, 4, 2), x(4, 2)]),
    "index": (lambda a, i: a[i], lambda: [x(4, 6), labels(4, 5)]),
    "gather": (gp.gather, lambda: [x(4, 6), 1, labels(6, 4, 2)]),
    "index_add": (gp.index_add, lambda: [x(4, 6), 0, labels(4, 5), x(5, 6)]),
    "scatter_add": (gp.scatter_add, lambda: [x(4, 6), 0, labels(4, 5, 6), x(5, 6)]),
}


@pytest.mark.parametrize("name", CASES)
def test_no_chain(name: str) -> None:
    function, inputs = CASES[name]
    with computing_on("emulated"):
        forward, backward = calls_of(function, inputs())
    most_forward, most_backward, _ = ALLOWED.get(name, (FEW, FEW, ""))
    text = "calls CuPy {} times, {}: write a kernel, or say in ALLOWED why not"
    assert forward.total() <= most_forward, f"{name} " + text.format(forward.total(), dict(forward))
    assert backward.total() <= most_backward, f"{name}: its gradient " + text.format(backward.total(), dict(backward))


def test_calls_are_counted() -> None:
    """Functions, operators, methods and what is written in place; not views, nor new memory."""

    def few(a: Any, b: Any) -> Any:
        xp = gp.backend.array_module(a.array)
        out = xp.empty((2, 3), a.array.dtype)
        xp.exp(a.array, out=out)
        out += b.array
        out[0] = 1
        out.T.reshape(3, 2)[1:]
        return out.sum(axis=1) + xp.where(out > 0, out, 0).max()

    with computing_on("emulated"):
        forward, backward = calls_of(few, [n(2, 3), n(2, 3)])
    names = {"exp": 1, "in_place": 1, "write": 1, "sum": 1, "greater": 1, "where": 1, "max": 1, "add": 1}
    assert forward == Counter(names) and not backward


def test_every_function_of_networks_is_looked_at() -> None:
    """Except those that are another's name, or made of others that are."""
    others = """threshold dropout1d dropout2d dropout3d feature_alpha_dropout lp_pool1d lp_pool3d max_unpool1d
    max_unpool2d max_unpool3d one_hot affine_grid channel_shuffle pixel_shuffle pixel_unshuffle swish
    locally_connected2d multi_head_attention_forward triplet_margin_with_distance_loss pdist
    scaled_dot_product_attention upsample upsample_bilinear upsample_nearest"""
    public = {name for name in vars(F) if not name.startswith("_") and not name.endswith("_")}
    looked_at = {name.partition("-")[0] for name in CASES} | set(others.split())
    missing = {name for name in public if callable(getattr(F, name)) and name not in looked_at}
    assert not missing, f"add cases for {sorted(missing)}"
