"""Autocast networks beside PyTorch's on the CPU: outputs and gradients are as near to those of float64.

On the emulated GPU other operations run in float32 than on PyTorch's CPU, so results are compared by their errors, not
by their bits: norms, reductions and exponentials of a GPU may only make them smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import gpunn as gp
from tests.conftest import computing_on
from tests.oracle.test_amp import NO_PRIMITIVE

pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")
LOWER = {"bfloat16": 2.0**-8, "float16": 2.0**-11}  # the relative error of one rounding
WORSE = 2.0  # than PyTorch's errors, at most
ROUNDINGS = 3.0  # by which both may differ where PyTorch happens to be exact


def attention(lib: Any) -> Any:
    class Attention(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = lib.nn.Linear(16, 48), lib.nn.Linear(16, 16)

        def forward(self, x: Any) -> Any:
            q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, 2, 8).permute(2, 0, 3, 1, 4)
            y = lib.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).flatten(2))

    return Attention()


def residual(lib: Any) -> Any:
    class Residual(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = lib.nn.Conv2d(3, 3, 3, padding=1, bias=False), lib.nn.BatchNorm2d(3)

        def forward(self, x: Any) -> Any:
            return lib.nn.functional.relu(self.norm(self.conv(x)) + x)

    return Residual()


def first_of(lib: Any, layer: Any, *more: int) -> Any:
    class First(lib.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any) -> Any:
            return self.layer(*[x] * (1 + len(more)))[0]

    return First()


Build = Callable[[Any], Any]
NETWORKS: dict[str, tuple[Build, tuple[int, ...]]] = {
    "linear": (lambda lib: lib.nn.Linear(16, 8), (12, 16)),
    "perceptron": (
        lambda lib: lib.nn.Sequential(
            lib.nn.Linear(16, 24), lib.nn.GELU(), lib.nn.LayerNorm(24), lib.nn.Linear(24, 8), lib.nn.LogSoftmax(-1)
        ),
        (12, 16),
    ),
    "convolutions": (
        lambda lib: lib.nn.Sequential(
            lib.nn.Conv2d(3, 8, 3, padding=1), lib.nn.ReLU(), lib.nn.Conv2d(8, 8, 3, 2, groups=8), lib.nn.Tanh(),
            lib.nn.MaxPool2d(2), lib.nn.ConvTranspose2d(8, 4, 2, 2), lib.nn.AvgPool2d(2), lib.nn.Flatten(),
        ),
        (4, 3, 12, 12),
    ),
    "many channels": (lambda lib: lib.nn.Conv2d(32, 48, 3, padding=1), (2, 32, 8, 8)),
    "sequences": (lambda lib: lib.nn.Sequential(lib.nn.Conv1d(4, 8, 3), lib.nn.GroupNorm(2, 8)), (3, 4, 9)),
    "residual block": (residual, (4, 3, 6, 6)),
    "attention": (attention, (2, 6, 16)),
    "multi-head attention": (
        lambda lib: first_of(lib, lib.nn.MultiheadAttention(16, 2, batch_first=True), 1, 1), (2, 6, 16),
    ),
    "encoder layer": (
        lambda lib: lib.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, norm_first=True),
        (2, 6, 16),
    ),
    "LSTM": (lambda lib: first_of(lib, lib.nn.LSTM(8, 12, 2)), (5, 3, 8)),
    "GRU": (lambda lib: first_of(lib, lib.nn.GRU(8, 12, 2, bidirectional=True)), (5, 3, 8)),
    "RNN": (lambda lib: first_of(lib, lib.nn.RNN(8, 12)), (5, 3, 8)),
}  # fmt: skip
LABELS = np.array([0, 3, 1, 7, 2, 2])
LOSSES: dict[str, Callable[[Any, Any, Any], Any]] = {  # of the module, scores (6, 8) and targets (6, 8) in 0 … 1
    "cross_entropy": lambda F, y, t: F.cross_entropy(y, t.argmax(1), label_smoothing=0.1),
    "soft cross_entropy": lambda F, y, t: F.cross_entropy(y, t.softmax(1)),
    "nll_loss": lambda F, y, t: F.nll_loss(F.log_softmax(y, 1), t.argmax(1)),
    "mse_loss": lambda F, y, t: F.mse_loss(y, t),
    "l1_loss": lambda F, y, t: F.l1_loss(y, t),
    "smooth_l1_loss": lambda F, y, t: F.smooth_l1_loss(y, t),
    "huber_loss": lambda F, y, t: F.huber_loss(y, t, delta=0.5),
    "kl_div": lambda F, y, t: F.kl_div(F.log_softmax(y, 1), t.softmax(1), reduction="batchmean"),
    "binary_cross_entropy_with_logits": lambda F, y, t: F.binary_cross_entropy_with_logits(y, t),
    "hinge_embedding_loss": lambda F, y, t: F.hinge_embedding_loss(y, (t > 0.5) * 2.0 - 1),
    "cosine_embedding_loss": lambda F, y, t: F.cosine_embedding_loss(y, t, t[:, 0].ceil()),
    "triplet_margin_loss": lambda F, y, t: F.triplet_margin_loss(y, t, t.flip(0)),
    "ctc_loss": lambda F, y, t: F.ctc_loss(
        F.log_softmax(y[:, None], 2), t[None, 0].argsort(1)[:, :3] % 7 + 1, (6,), (3,)
    ),
}  # fmt: skip


def trained(lib: Any, build: Build, x: np.ndarray[Any, Any], pull: Any, device: str, lower: str | None) -> list[Any]:
    """Output, gradient of the input and of all parameters, in float64; without `lower` computed in float64."""
    net = build(lib)
    weights = np.random.default_rng(1)
    state = {}
    for name, value in net.state_dict().items():
        numbers = weights.uniform(-1, 1, tuple(value.shape)) / np.sqrt(max(1, np.prod(value.shape[1:])))
        state[name] = value if "running" in name or "num_" in name else lib.tensor(numbers.astype("f4"))
    net.load_state_dict(state)
    net = net.to(device)
    net = net if lower else net.double()
    given = lib.tensor(x if lower else x.astype(float), device=device, requires_grad=True)
    with lib.autocast(device, dtype=getattr(lib, lower or "bfloat16"), enabled=lower is not None):
        y = net(given)
        loss = pull(lib, y)
    loss.backward()
    assert lower is None or all(p.grad.dtype is lib.float32 for p in net.parameters()), "gradients are float32"
    return [t.detach().double().cpu().numpy() for t in (y, loss, given.grad, *[p.grad for p in net.parameters()])]


def by_pytorch(compute: Callable[[], list[Any]]) -> list[Any]:
    """compute(); where PyTorch's library has no LSTM in lower precision for this CPU, by PyTorch's own kernels."""
    try:
        return compute()
    except RuntimeError as error:
        if NO_PRIMITIVE not in str(error):
            raise
        with torch.backends.mkldnn.flags(enabled=False):
            return compute()


def check(build: Build, x: np.ndarray[Any, Any], pull: Any, kind: str, lower: str) -> None:
    exact = trained(torch, build, x, pull, "cpu", None)
    theirs = by_pytorch(lambda: trained(torch, build, x, pull, "cpu", lower))
    with computing_on(kind):
        mine = trained(gp, build, x, pull, "cpu" if kind == "cpu" else "cuda", lower)
    for i, (a, b, c) in enumerate(zip(mine, theirs, exact, strict=True)):
        assert a.shape == c.shape
        scale = np.abs(c).max()
        found, known = np.abs(a - c).max() / scale, np.abs(b - c).max() / scale
        assert found <= WORSE * known + ROUNDINGS * LOWER[lower], f"result {i}: {found:.1e}, PyTorch's {known:.1e}"


@pytest.mark.parametrize("lower", LOWER)
@pytest.mark.parametrize("kind", ["cpu", "emulated"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, kind: str, lower: str) -> None:
    build, shape = NETWORKS[name]
    x = np.random.default_rng(0).standard_normal(shape).astype("f4")

    def pull(lib: Any, y: Any) -> Any:
        weights = np.random.default_rng(2).standard_normal(tuple(y.shape))
        return (y * lib.tensor(weights, dtype=y.dtype, device=y.device)).sum()

    check(build, x, pull, kind, lower)


@pytest.mark.parametrize("lower", LOWER)
@pytest.mark.parametrize("kind", ["cpu", "emulated"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, kind: str, lower: str) -> None:
    """Of the scores of a linear layer, which are in lower precision."""
    x = np.random.default_rng(0).standard_normal((6, 16)).astype("f4")

    def pull(lib: Any, y: Any) -> Any:
        target = np.random.default_rng(3).uniform(0, 1, (6, 8))
        wide = lib.float64 if y.dtype is lib.float64 else lib.float32
        return LOSSES[name](lib.nn.functional, y, lib.tensor(target, dtype=wide, device=y.device))

    check(lambda lib: lib.nn.Linear(16, 8), x, pull, kind, lower)
