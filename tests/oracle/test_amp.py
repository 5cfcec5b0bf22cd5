"""Autocasting beside PyTorch's: the dtypes that come out, operation by operation, and the way of the scale."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing._internal import autocast_test_lists

import gpunn as gp
from gpunn.ops import precision
from tests.oracle import bridge, test_ops
from tests.oracle.bridge import Twins
from tests.oracle.compare import flat

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
]
SAMPLES = 8  # of one operation
KINDS = ("float32", "lower", "mixed")  # of the floating arguments; mixed: the first in lower precision
LOWER = {"bfloat16": torch.bfloat16, "float16": torch.float16}
REFUSALS = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)
# What differs, and why. Operations that refuse a sample outside of autocast too are judged by test_ops.
DIFFER = {
    "linalg.pinv": "PyTorch rounds the product of its factors to lower precision",
    "linalg.det det": "PyTorch takes lower precision for empty matrices",
    "linalg.matrix_power matrix_power": "gpunn takes no lower precision, with or without autocast",
}
HEADER = Path(torch.__file__).parent / "include/ATen/autocast_mode.h"
LISTS = {
    "AT_FORALL_LOWER_PRECISION_FP": "lower",
    "AT_FORALL_FP32": "float32",
    "AT_FORALL_FP32_SET_OPT_DTYPE": "float32",
    "AT_FORALL_PROMOTE": "widest",
}
# What gpunn has under another name than ATen has.
NAMES = {
    "cross_entropy_loss": "cross_entropy",
    "frobenius_norm": "norm",
    "grid_sampler": "grid_sample",
    "nll_loss2d": "nll_loss",
    **dict.fromkeys(("reflection_pad1d", "reflection_pad2d"), "pad"),
    **dict.fromkeys(("replication_pad1d", "replication_pad2d", "replication_pad3d"), "pad"),
    **dict.fromkeys(
        [
            "upsample_nearest1d",
            "upsample_nearest2d",
            "upsample_nearest3d",
            "upsample_linear1d",
            "upsample_bilinear2d",
            "upsample_trilinear3d",
            "upsample_bicubic2d",
        ],
        "interpolate",
    ),
}


# Arguments of the lists that are not those of the public function, or broadcast where gpunn refuses to.
CALLED_OTHERWISE = ("hinge_embedding_loss", "margin_ranking_loss", "poisson_nll_loss", "reflection_pad1d", "avg_pool3d")


def operations() -> Iterator[test_ops.Case]:
    """Each promised operation, once for each OpInfo that judges it."""
    seen = set()
    for promise in test_ops.OPERATIONS:
        for name in promise.infos:
            info = test_ops.INFOS[name]
            case = test_ops.Case(promise, info, "value", "float32")
            is_method = promise.name.startswith("Tensor.") or promise.name.endswith("_")
            if torch.float32 in info.dtypes and not is_method and str(case) not in seen:
                seen.add(str(case))
                yield case


def converted(sample: Any, kind: str, lower: torch.dtype) -> Any:
    """`sample` with some of its floating tensors in lower precision."""
    is_first = True

    def convert(x: Any) -> Any:
        nonlocal is_first
        if not isinstance(x, torch.Tensor) or not x.is_floating_point() or kind == "float32":
            return x
        wanted, is_first = is_first or kind == "lower", False
        return x.to(lower) if wanted else x

    return sample.transform(convert)


def result_dtypes(found: Any) -> list[str]:
    return [str(getattr(x, "dtype", type(x).__name__)).rpartition(".")[2] for x in flat(found)]


def refused(function: Any, sample: Any) -> bool:
    """Whether gpunn refuses `sample` without autocast, too."""
    try:
        with gp.no_grad():
            Twins().call(function, sample)
    except REFUSALS:
        return True
    return False


@pytest.mark.parametrize("name", LOWER)
@pytest.mark.parametrize("case", list(operations()), ids=str)
def test_dtypes_of_results(case: test_ops.Case, name: str) -> None:
    if any(case.promise.name in names.split() for names in DIFFER):
        pytest.skip(next(reason for names, reason in DIFFER.items() if case.promise.name in names.split()))
    compared = 0
    for theirs, mine in test_ops.functions(case):
        for sample in (test_ops.samples(case, False) or test_ops.samples(case, True))[:SAMPLES]:
            for kind in KINDS:
                given = converted(sample, kind, LOWER[name])
                try:
                    with torch.no_grad(), torch.autocast("cpu", LOWER[name]):
                        expected = bridge.call(theirs, given)
                except REFUSALS:
                    continue
                try:
                    with gp.no_grad(), gp.autocast("cpu", getattr(gp, name)):
                        found = Twins().call(mine, given)
                except (*REFUSALS, bridge.NotPromisedError):
                    if isinstance(expected, torch.Tensor) and not refused(mine, sample):
                        raise
                    continue
                assert result_dtypes(found) == result_dtypes(expected), f"{kind}: {given}"
                compared += 1
    assert compared, "no sample was compared"


def test_lists_of_pytorchs_tests() -> None:
    """torch.testing._internal.autocast_test_lists, for the CPU: what it says of each operation that gpunn has."""
    lists, done = autocast_test_lists.AutocastCPUTestLists(torch.device("cpu")), set()
    for attribute, wanted in (("torch_16", "lower"), ("nn_16", "lower"), ("torch_fp32", "float32"),
                              ("nn_fp32", "float32"), ("torch_need_autocast_promote", "float32")):  # fmt: skip
        for name, args, *more in getattr(lists, attribute):
            mine = counterpart(NAMES.get(name, name))
            if mine is None or name in CALLED_OTHERWISE:
                continue
            with gp.autocast("cpu"):
                found = mine(*Twins().of(args), **(more[0] if more and isinstance(more[0], dict) else {}))
            assert found.dtype is (gp.bfloat16 if wanted == "lower" else gp.float32), name
            done.add(name)
    assert len(done) >= 28


def counterpart(name: str) -> Any:
    """The public function of gpunn with this name, or None."""
    places = [gp.linalg] if name.startswith("linalg_") else [gp, gp.nn.functional]
    return next((f for f in (getattr(p, name.removeprefix("linalg_"), None) for p in places) if f is not None), None)


def kernels_for(key: str) -> list[str]:
    """The operations that PyTorch's autocast has something registered for, without overloads."""
    names = torch._C._dispatch_get_all_op_names()
    found = [n for n in names if n.startswith("aten::") and torch._C._dispatch_has_kernel_for_dispatch_key(n, key)]
    return sorted({n.removeprefix("aten::").partition(".")[0] for n in found})


@pytest.mark.parametrize(("kind", "least"), [("cpu", 65), ("cuda", 85)])
def test_every_operation_that_pytorch_autocasts_is_guarded(kind: str, least: int) -> None:
    """Of those that gpunn has. One that is missing belongs into gpunn/ops/precision.py."""
    found, missing = 0, []
    for name in kernels_for(f"Autocast{kind.upper()}"):
        mine = counterpart(NAMES.get(name, name))
        if callable(mine):
            found += 1
            if kind not in getattr(mine, "policies", {}):
                missing.append(name)
    assert missing == []
    assert found >= least


def test_policies_on_gpus_are_pytorchs() -> None:
    """By the lists in ATen's header, which also holds for CUDA where there is none."""
    text, done = HEADER.read_text(), 0
    for macro, wanted in LISTS.items():
        body = re.search(rf"#define {macro}\(_\)(.*?)\n\n", text, re.DOTALL)
        assert body is not None, macro
        for name in re.findall(r"_\((\w+)", body[1]):
            mine = counterpart(NAMES.get(name, name))
            if callable(mine):
                assert mine.policies["cuda"].name == wanted, name
                done += 1
    assert done >= 85
    assert gp.nn.functional.binary_cross_entropy.policies["cuda"] is precision.REFUSED


NO_PRIMITIVE = "could not create a primitive"  # what PyTorch says where its library has nothing for this CPU


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("of", ["", "Cell"])
@pytest.mark.parametrize("lower", [False, True])
def test_recurrent(kind: str, of: str, lower: bool) -> None:
    results = []
    for lib in (torch, gp):
        x = lib.ones(2, 3) if of else lib.ones(5, 2, 3)
        layer = getattr(lib.nn, kind + of)(3, 4)
        with lib.autocast("cpu"):
            try:
                results.append(result_dtypes(layer(x.bfloat16() if lower else x)))
            except RuntimeError as error:
                if lib is torch and NO_PRIMITIVE in str(error):
                    pytest.skip("PyTorch's library has no LSTM in lower precision for this CPU")
                raise
    assert results[0] == results[1]


INF, NAN = float("inf"), float("nan")
WAYS = {
    "grows": [1.0] * 8,
    "shrinks": [INF, 1.0, NAN, -INF, 1.0, 1.0, 1.0],
    "mixed": [1.0, 2.0, INF, 0.5, 1.0, 1.0, NAN, 1.0, 1.0, 3.0, 1.0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("settings", [{}, {"init_scale": 3.0, "growth_factor": 1.7, "backoff_factor": 0.3}])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_the_way_of_the_scale(way: str, settings: dict[str, float], optimizer: str) -> None:
    ways = []
    for lib in (torch, gp):
        a = lib.tensor([[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]], requires_grad=True)
        b = lib.tensor([2.0, 1.0], requires_grad=True)
        optimizers = [getattr(lib.optim, optimizer)([p], lr=0.1) for p in (a, b)]
        scaler = lib.amp.GradScaler("cpu", growth_interval=3, **settings)
        seen: list[Any] = []
        for i, factor in enumerate(WAYS[way]):
            for o in optimizers:
                o.zero_grad()
            scaler.scale((a * a).sum() * factor + (b * b).sum()).backward()
            if i % 2:
                scaler.unscale_(optimizers[0])
                lib.nn.utils.clip_grad_norm_([a], 1.0)
            for o in optimizers:
                scaler.step(o)
            scaler.update(5.0 if i == 5 else None)
            seen += [scaler.state_dict(), a.tolist(), b.tolist()]
        ways.append(seen)
    for ours, theirs in zip(*ways[::-1], strict=True):
        if isinstance(ours, dict):
            assert ours == theirs
        else:
            assert flat_list(ours) == pytest.approx(flat_list(theirs), rel=1e-5)


def flat_list(values: list[Any]) -> list[float]:
    return [x for v in values for x in (v if isinstance(v, list) else [v])]


@pytest.mark.parametrize("growth", [1.5, 2.0, 1e30])
def test_update_of_the_scale(growth: float) -> None:
    """_amp_update_scale_, number by number."""
    for start in (1.0, 3.0, 2.0**127, 1e-40):
        for found in (0.0, 1.0, 2.0):
            for count in (0, 1, 2):
                theirs = torch.tensor(start), torch.tensor(count, dtype=torch.int32), torch.tensor(found)
                ours = Twins().of(theirs)
                torch._amp_update_scale_(*theirs, growth, 0.3, 2)
                gp.ops.gradients.update_scale_(*ours, growth, 0.3, 2)
                assert [x.item() for x in ours[:2]] == [x.item() for x in theirs[:2]]
