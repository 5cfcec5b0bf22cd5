import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_op

CASES = [
    ((3, 4), (2, 3), (4, 1), 1),
    ((3, 4), (2, 2, 2), (1, 2, 4), 0),
    ((6,), (4, 3), (1, 1), 0),  # elements that are shown several times
    ((6,), (2, 2), (0, 3), 2),
    ((6,), (), (), 5),
    ((6,), (0, 2), (1, 1), 3),
]


@pytest.mark.parametrize(("shape", "size", "stride", "offset"), CASES)
def test_values_and_gradients(shape, size, stride, offset, device):
    check_op(
        lambda x: x.as_strided(size, stride, offset),
        lambda x: np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], size, [8 * s for s in stride]).copy(),
        [shape],
        device,
    )


def test_it_is_a_view_of_the_memory(device):
    x = gp.arange(6.0, device=device)
    y = x.as_strided((2, 2), (2, 1), 1)
    y[1, 0] = 30
    assert x.tolist() == [0, 1, 2, 30, 4, 5] and y.data_ptr() == x.data_ptr() + 4
    assert gp.as_strided(x[2:], (2,), (1,)).tolist() == [2, 30] and gp.as_strided(x[2:4], (3,), (2,), 0).tolist() == [
        0,
        2,
        4,
    ]
    assert x.view(2, 3).t().as_strided((3,), (2,)).tolist() == [0, 2, 4]


def test_gradients_through_what_lies_elsewhere(device):
    x = gp.arange(6.0, device=device, requires_grad=True)
    y = x.view(2, 3).t()  # strides (1, 3)
    (grad,) = gp.autograd.grad(y.as_strided((2, 2), (3, 1), 1).sum(), y)
    assert grad.tolist() == [[0, 0], [1, 1], [1, 1]]
    (to_base,) = gp.autograd.grad((x[2:] * 1).sum() + x[2:].as_strided((2,), (1,), 0).sum(), x)
    assert to_base.tolist() == [1, 1, 1, 1, 1, 1]


def test_elements_in_one_place_share_its_gradient(device):
    x = gp.arange(6.0, device=device, requires_grad=True)
    several = x.expand(2, 6)
    shown = several.as_strided((2, 3), (0, 2), 1) * gp.tensor([[1.0, 2, 3], [4, 5, 6]], device=device)
    to_several, to_x = gp.autograd.grad(shown.sum(), (several, x))
    assert to_several.tolist() == [[0, 2.5, 0, 3.5, 0, 4.5]] * 2
    assert to_x.tolist() == [0, 5, 0, 7, 0, 9]


def test_in_place_changes_are_recorded(device):
    x = gp.ones(4, device=device, requires_grad=True)
    y = x * 1
    y.as_strided((2,), (2,), 1).mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [1, 3, 1, 3]
    turned = (x * 1).view(2, 2).t()
    turned.as_strided((2,), (1,)).mul_(5)  # the first column
    (turned * gp.tensor([[1.0, 2], [3, 4]], device=device)).sum().backward()
    assert x.grad.tolist() == [1 + 5, 3 + 15, 1 + 2, 3 + 4]
    gaps = gp.ones(4, device=device)[::2].detach()
    gaps = gp.Tensor(gaps.array)
    with pytest.raises(NotImplementedError, match="has gaps"):
        gaps.as_strided((2,), (1,)).mul_(x[:2])
    z = gp.arange(4.0, device=device)
    assert z.as_strided_((2,), (3,)) is z and z.tolist() == [0, 3]


def test_errors():
    x = gp.ones(3)
    for arguments, text in (
        (((2, 2), (1, 1), 2), "out of bounds for storage of size 12"),
        (((2, 2), (1,)), "mismatch in length"),
        (((2,), (-1,), 1), "Negative"),
        (((2,), (1,), -1), "invalid storage offset"),
    ):
        with pytest.raises(RuntimeError, match=text):
            x.as_strided(*arguments)
    with pytest.raises(NotImplementedError, match="before the first element"):
        gp.from_numpy(np.ones(4)[2:]).as_strided((1,), (1,), 0)
