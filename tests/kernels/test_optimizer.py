"""The kernels of kernels/optimizer in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops import gradients
from tests.kernels.orders import MANY, check_kernels

SHAPES = ((3,), (5, 7), (), (4100,), (0,))


def tensors(dtype, seed=0):
    """Tensors on the GPU, the last of them misaligned."""
    rng = np.random.default_rng(seed)
    found = [gp.tensor(rng.normal(size=shape), dtype=dtype, device="cuda") for shape in SHAPES]
    return [*found, gp.tensor(rng.normal(size=38), dtype=dtype, device="cuda")[1:]]


def stepped(kind, dtypes=(gp.float32, gp.float16, gp.float64), steps=2, **options):
    """Steps for two groups of parameters, of several dtypes."""

    def run():
        ps = [x.requires_grad_() for dtype in dtypes for x in tensors(dtype)]
        optimizer = kind([{"params": ps[::2]}, {"params": ps[1::2], "lr": 0.02}], **options)
        for seed in range(1, 1 + steps):
            for p, grad in zip(ps, [g for dtype in dtypes for g in tensors(dtype, seed)], strict=True):
                p.grad = grad
            optimizer.step()
        states = [v for s in optimizer.state.values() for v in s.values() if v.is_cuda]
        return [p.detach() for p in ps] + states

    return run


STEPS = {
    "sgd": stepped(gp.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    "adam": stepped(gp.optim.Adam, weight_decay=0.1, amsgrad=True),
    "adamw": stepped(gp.optim.AdamW, dtypes=(gp.bfloat16,), maximize=True),
    "nadam": stepped(gp.optim.NAdam, dtypes=(gp.float32,)),
    "radam": stepped(gp.optim.RAdam, dtypes=(gp.float32,), betas=(0.5, 0.9)),
    "adamax": stepped(gp.optim.Adamax, dtypes=(gp.float16,)),
    "adagrad": stepped(gp.optim.Adagrad, dtypes=(gp.float32,)),
    "adadelta": stepped(gp.optim.Adadelta, dtypes=(gp.bfloat16,)),
    "rmsprop": stepped(gp.optim.RMSprop, dtypes=(gp.float16,), momentum=0.5, centered=True, eps=0.1),
    "asgd": stepped(gp.optim.ASGD, dtypes=(gp.float32,), t0=1),
    "rprop": stepped(gp.optim.Rprop, dtypes=(gp.float32,)),
}


def limits(dtypes=(gp.float32, gp.float16, gp.float64)):
    """All operations on gradients, of several dtypes together."""

    def mixed():
        return [x for dtype in dtypes for x in tensors(dtype)]

    results = []
    for p in (1.0, 2.0, 3.0, float("inf")):
        results += [gradients.clip_norm(found := mixed(), 0.5, p), *found]
    gradients.clip_value(found := mixed(), 0.25)
    flag = gp.zeros(1, device="cuda")
    gradients.unscale_(found, flag, gp.tensor([float("inf")], device="cuda"))
    results += [*found, flag]
    found[0][1] = float("nan")
    gradients.unscale_(found, flag, gp.tensor([0.5], device="cuda"))
    return [*results, *found, flag]


def scales():
    """The scale of mixed precision: as it was, larger, smaller, as large as there is."""
    results = []
    for start, count, found in ((8.0, 0, 0.0), (8.0, 1, 0.0), (8.0, 1, 1.0), (2.0**127, 1, 0.0)):
        scale, tracker = gp.tensor(start, device="cuda"), gp.tensor(count, dtype=gp.int32, device="cuda")
        gradients.update_scale_(scale, tracker, gp.tensor(found, device="cuda"), 3.0, 0.25, 2)
        results += [scale, tracker]
    return results


STEPS["gradients"] = limits
STEPS["scale"] = scales


@pytest.mark.parametrize("name", STEPS)
def test_check_mode_and_orders(name):
    check_kernels(STEPS[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", STEPS)
def test_many_orders(name):
    check_kernels({**STEPS, "gradients": lambda: limits((gp.float16,))}[name], MANY)
