"""The networks of the benchmark as captured steps: forward, backward, clipping, optimizer, bit for bit as eager."""

import contextlib

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture
from tests.compile.networks import NETWORKS, adamw, sgd

F = gp.nn.functional
STEPS = 5  # two eager ones, one that is recorded, two replays
CASES = [  # network, optimizer, dtype of autocast; with float16 a scaler
    ("LSTM LM", sgd, None),
    *[
        pytest.param(*case, marks=pytest.mark.long)
        for case in (
            ("CIFAR ResNet-18", adamw, None),
            ("CIFAR ResNet-18", sgd, gp.float16),
            ("VGG-16", sgd, None),
            ("VGG-16", adamw, gp.bfloat16),
            ("ResNet-50", sgd, None),
            ("ResNet-50", adamw, gp.bfloat16),
            ("LSTM LM", adamw, gp.float16),
            ("small GPT", adamw, None),
            ("small GPT", adamw, gp.float16),
        )
    ],
]


def trained(name, make_optimizer, lower, is_compiled):
    """The numbers of a training whose rate changes each step: losses, state dicts of all that was trained with."""
    build, draw = NETWORKS[name]
    gp.manual_seed(0)
    net = build().to("cuda")
    optimizer = make_optimizer(net.parameters())
    schedule = gp.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=STEPS + 1)
    scaler = gp.amp.GradScaler("cuda", init_scale=2.0**12, growth_interval=2, enabled=lower is gp.float16)

    def step(x, y):
        optimizer.zero_grad()
        with gp.autocast("cuda", dtype=lower or gp.bfloat16, enabled=lower is not None):
            loss = F.cross_entropy(net(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        gp.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss

    run, rng, losses = gp.compile(step) if is_compiled else step, np.random.default_rng(1), []
    gp.manual_seed(1)
    with contextlib.nullcontext() if is_compiled else capture.noting(None):
        for _ in range(STEPS):
            losses.append(run(*[gp.tensor(part, device="cuda") for part in draw(rng)]))
            schedule.step()
    if is_compiled:
        assert len(run.steps.graphs) == 1
    numbers = [loss.item() for loss in losses]
    assert np.isfinite(numbers).all() and len({*numbers}) == STEPS
    return numbers, net.state_dict(), optimizer.state_dict()["state"], scaler.state_dict()


def as_arrays(value):
    """All tensors of nested dicts as arrays."""
    if isinstance(value, dict):
        return {name: as_arrays(part) for name, part in value.items()}
    return value.cpu().numpy() if isinstance(value, gp.Tensor) else value


@pytest.mark.parametrize(("name", "optimizer", "lower"), CASES)
def test_training_is_that_of_eager_steps(name, optimizer, lower, gpu):
    """Losses, parameters, running averages, states of the optimizer, scale; also where a step is left out."""
    eager, captured = [trained(name, optimizer, lower, is_compiled) for is_compiled in (False, True)]
    assert eager[0] == captured[0]
    for mine, theirs in zip(captured[1:], eager[1:], strict=True):
        np.testing.assert_equal(as_arrays(mine), as_arrays(theirs))
