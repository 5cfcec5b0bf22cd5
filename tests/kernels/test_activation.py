"""The kernels of kernels/activation in check mode, and in any order of threads."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.activation.bias import bias_activation
from tests.kernels.orders import MANY, check_kernels

F = gp.nn.functional
ONE_OF_EACH_FILE = [F.hardswish, F.softplus, F.silu, F.sigmoid]
OTHERS = [
    *(F.relu, F.leaky_relu, F.relu6, F.hardsigmoid, F.hardshrink, F.softshrink, lambda x: F.threshold(x, 0.1, 2.0)),
    *(F.elu, F.logsigmoid, F.softsign, F.tanhshrink, F.mish, F.gelu, lambda x: F.gelu(x, "tanh"), F.tanh),
]


def numbers(shape, dtype=gp.float32, start=0):
    values = np.random.default_rng(0).normal(size=(*shape[:-1], shape[-1] + start))
    values[..., start + 3 :: 8] = 0  # where many functions change
    x = gp.tensor(values, dtype=dtype, device="cuda")[..., start:]
    return x.requires_grad_()


def both_ways(op, *inputs):
    """`op` forward and backward with a gradient that is not the same everywhere."""
    y = op(*inputs)
    y.backward(gp.tensor(np.linspace(0, 1, y.numel()).reshape(y.shape), dtype=y.dtype, device="cuda"))
    return (y.detach(), *[x.grad for x in inputs])


@pytest.mark.parametrize("op", ONE_OF_EACH_FILE)
@pytest.mark.parametrize(("dtype", "start"), [(gp.float32, 0), (gp.float16, 1)])
def test_pointwise(op, dtype, start):
    check_kernels(lambda: both_ways(op, numbers((300,), dtype, start)))


def channels(many=131):
    """Kernels that know channels: contiguous and channels-last, sums over many and few elements, many channels."""
    rows, images = numbers((70, many)), numbers((2, 3, 5, 7))
    last = numbers((2, 5, 7, 3)).detach().permute(0, 3, 1, 2).requires_grad_()
    return (
        *both_ways(F.prelu, rows, numbers((many,))),
        *both_ways(F.prelu, images, numbers((3,))),
        *both_ways(F.prelu, last, numbers((3,))),
        *both_ways(F.prelu, numbers((9, 11)), numbers((1,))),
        *both_ways(
            lambda x, b: bias_activation(x, b, "silu"), numbers((6, 35), gp.bfloat16), numbers((35,), gp.bfloat16)
        ),
        *both_ways(lambda x: F.glu(x, 1), numbers((3, 6, 5))),
    )


def noise():
    """Kernels that draw."""
    gp.manual_seed(1)
    ops = [F.noisy_relu, lambda x: F.rrelu(x, training=True)]
    return sum([both_ways(op, numbers((37,), dtype)) for op in ops for dtype in (gp.float32, gp.float64)], ())


@pytest.mark.parametrize("run", [channels, noise])
def test_channels_and_noise(run):
    check_kernels(run)


@pytest.mark.sweep
@pytest.mark.parametrize("op", ONE_OF_EACH_FILE + OTHERS)
def test_pointwise_in_many_orders(op):
    check_kernels(lambda: both_ways(op, numbers((37,), start=1)), MANY)


@pytest.mark.sweep
@pytest.mark.parametrize("run", [lambda: channels(33), noise], ids=["channels", "noise"])
def test_channels_and_noise_in_many_orders(run):
    """With two blocks of channels, not five."""
    check_kernels(run, MANY)
