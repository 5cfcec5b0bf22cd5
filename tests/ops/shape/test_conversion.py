import copy
import pickle

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops.shape.conversion import (
    CHANNELS_LAST_ORDER,
    cast,
    copied,
    is_laid_out,
    is_stretched,
    layout,
    memory_order,
    to_device,
    widened_tensor,
)
from tests.harness import check_op
from tests.ops.shape.test_views import counted, is_view


@pytest.mark.parametrize(
    "op",
    [
        gp.clone,
        lambda x: gp.contiguous(x.t()).t(),
        lambda x: gp.to(x, gp.float64, copy=True),
        lambda x: to_device(to_device(x, "cpu"), x.device),
        lambda x: gp.clone(x.view(1, 1, 2, 3), memory_format=gp.channels_last).view(2, 3),
    ],
)
def test_gradients_flow(op, device):
    check_op(op, lambda a: a, [(2, 3)], device)


def test_cast_and_its_gradient(device):
    x = gp.tensor([1.5, -2.5], device=device, requires_grad=True)
    assert cast(x, gp.float32) is x
    y = cast(x, gp.bfloat16)
    assert y.dtype is gp.bfloat16 and y.tolist() == [1.5, -2.5]
    y.sum().backward()
    assert x.grad.dtype is gp.float32 and x.grad.tolist() == [1, 1]
    assert not cast(x, gp.int64).requires_grad
    assert cast(x, gp.int64).tolist() == [1, -2]
    assert cast(gp.tensor([0.0, 0.5, float("nan")]), gp.bool).tolist() == [False, True, True]


def test_to_returns_the_tensor_itself_if_nothing_changes(device):
    x = gp.zeros(2, device=device)
    for same in (x.to(), x.to(None), x.to(device), x.to(gp.float32), x.to(gp.zeros(1, device=device)), x.to(x.device)):
        assert same is x
    assert x.to(device, gp.float32, False, False) is x
    assert x.to(memory_format=gp.contiguous_format) is x
    for other in (x.to(copy=True), x.to(gp.float32, False, True), x.to(device, None, False, True), x.to(x, copy=True)):
        assert other is not x and not is_view(other, x)


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.to(gp.float64),
        lambda x: x.to(dtype=gp.float64),
        lambda x: x.to("cpu", gp.float64),
        lambda x: x.to(None, gp.float64),
        lambda x: x.to(float),
        lambda x: x.to(gp.zeros(1, dtype=gp.float64)),
        lambda x: x.type_as(gp.zeros(1, dtype=gp.float64)),
    ],
)
def test_to_float64(convert):
    assert convert(gp.tensor([1, 2])).dtype is gp.float64


def test_to_other_device(device):
    x = gp.arange(6, device=device).view(2, 3).t()
    there = x.to("cpu")
    assert there.device == gp.device("cpu") and there.tolist() == x.tolist()
    assert there.to(device).device == x.device


@pytest.mark.parametrize("args", [("a b",), (3.5,), (gp.float32, gp.float32), (gp.float32, True, True, True), ([1],)])
def test_to_refuses(args):
    with pytest.raises((TypeError, ValueError), match=r"to: |device"):
        gp.zeros(2).to(*args)
    with pytest.raises(TypeError, match="same argument"):
        gp.zeros(2).to(gp.float32, dtype=gp.float32)


class TestLayout:
    def test_channels_last(self, device):
        x = counted(2, 3, 4, 5, device=device)
        last = x.to(memory_format=gp.channels_last)
        assert last.stride() == (60, 1, 15, 3)
        assert last.tolist() == x.tolist()
        assert layout(last.array) is gp.channels_last and layout(x.array) is gp.contiguous_format
        assert last.is_contiguous(memory_format=gp.channels_last) and not last.is_contiguous()
        assert last.clone().stride() == last.stride()
        assert last.contiguous().stride() == x.stride()
        assert last.contiguous(memory_format=gp.channels_last) is last
        volume = counted(1, 2, 3, 4, 5, device=device).contiguous(memory_format=gp.channels_last_3d)
        assert is_laid_out(volume.array, gp.channels_last_3d)
        assert memory_order(last.array) == CHANNELS_LAST_ORDER[4]

    def test_a_format_that_fits_nothing_else_changes_nothing(self):
        """Strided memory counts as contiguous_format, as in PyTorch; with a change of dtype it becomes contiguous."""
        x = counted(2, 3).t()
        assert x.to(memory_format=gp.contiguous_format) is x
        assert x.to(gp.float64, memory_format=gp.contiguous_format).is_contiguous()
        assert x.to(copy=True, memory_format=gp.contiguous_format).is_contiguous()
        assert x.to(copy=True).stride() == x.stride()

    def test_needs_four_dimensions(self):
        for wrong in (
            lambda x: x.clone(memory_format=gp.channels_last),
            lambda x: x.to(memory_format=gp.channels_last),
        ):
            with pytest.raises(RuntimeError, match="4 dimensions"):
                wrong(gp.zeros(2, 3))
        with pytest.raises(RuntimeError, match="4 dimensions"):
            gp.zeros(2, 3, 4, 5).contiguous(gp.channels_last_3d)

    def test_clone_keeps_the_order_of_memory(self):
        x = counted(2, 3, 4).permute(2, 0, 1)
        assert x.clone().stride() == (1, 12, 4)
        assert x.narrow(0, 0, 2).clone().stride() == (1, 6, 2)
        assert x.clone(memory_format=gp.contiguous_format).is_contiguous()

    def test_clone_of_a_stretched_tensor_is_contiguous(self):
        x = counted(3).expand(4, 3)
        assert is_stretched(x.array) and not is_stretched(x.clone().array)
        assert x.clone().stride() == (3, 1)
        assert memory_order(x.array) is None
        assert copied(x.array, gp.preserve_format).flags.c_contiguous

    def test_names(self):
        assert repr(gp.channels_last) == "gpunn.channels_last"
        assert pickle.loads(pickle.dumps(gp.channels_last)) is gp.channels_last
        assert copy.deepcopy(gp.preserve_format) is gp.preserve_format


def test_detach_shares_memory_and_counts_changes_but_has_no_history():
    x = gp.ones(2, requires_grad=True) * 2
    y = x.detach()
    assert y.is_leaf and not y.requires_grad
    y.fill_(3)
    assert x.tolist() == [3, 3] and x._version == [1]
    assert np.shares_memory(x.array, y.array)


def test_tensors_of_half_types_are_widened_with_their_history(device):
    for dtype in (gp.float16, gp.bfloat16):
        x = gp.ones(2, dtype=dtype, device=device, requires_grad=True)
        wide = widened_tensor(x)
        wide.sum().backward()
        assert wide.dtype is gp.float32 and x.grad.dtype is dtype
    for other in (gp.ones(2, dtype=gp.float64), gp.ones(2, dtype=gp.int16), None, 1.5):
        assert widened_tensor(other) is other
