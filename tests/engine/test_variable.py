import numpy as np
import pytest

import gpunn as gp


def test_requires_grad_is_for_floating_leaves():
    x = gp.tensor([1, 2])
    with pytest.raises(RuntimeError, match="floating point"):
        x.requires_grad = True
    y = gp.tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="leaf variables"):
        y.requires_grad = False
    y.requires_grad = True
    assert not y.is_leaf


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (np.ones(2), TypeError, "expected a Tensor"),
        (gp.ones(3), RuntimeError, r"expected shape \(2,\).*got \(3,\)"),
        (gp.ones(2, dtype=gp.float64), RuntimeError, "expected dtype float32"),
    ],
)
def test_assigned_gradients_are_checked(value, error, text):
    x = gp.ones(2)
    with pytest.raises(error, match=text):
        x.grad = value
    assert x.grad is None


def test_a_tensor_is_not_its_own_gradient():
    x = gp.ones(2)
    with pytest.raises(RuntimeError, match="own gradient"):
        x.grad = x


def test_attributes_can_be_set():
    x = gp.ones(2)
    x.note = "mine"
    assert x.note == "mine"


def test_an_older_view_learns_that_its_base_got_a_history(device):
    """Also where nobody asked for its grad_fn before it is used."""
    w = gp.tensor(3.0, device=device, requires_grad=True)
    buffer = gp.zeros(4, device=device)
    row = buffer[1:3]
    buffer.mul_(0).add_(w)
    (row * 2).sum().backward()
    assert row.requires_grad and not row.is_leaf and w.grad.item() == 4.0


def test_one_of_several_views_is_refused_after_a_change_of_its_base():
    w = gp.ones(4, requires_grad=True)
    for cut in (lambda y: y.unbind()[1], lambda y: y.split(2)[1], lambda y: y.chunk(2)[1]):
        y = w * 2
        piece = cut(y)
        y.mul_(3)
        with pytest.raises(RuntimeError, match="returns multiple views"):
            piece * 2
        assert piece.requires_grad


def test_one_of_several_views_of_a_buffer_does_not_lose_the_gradient():
    buffer = gp.zeros(4)
    piece = buffer.split(2)[1]
    buffer.add_(gp.ones((), requires_grad=True))
    with pytest.raises(RuntimeError, match="returns multiple views"):
        piece * 2


def test_retain_grad_stays_with_the_tensor_through_changes_in_place(device):
    x = gp.ones(2, device=device, requires_grad=True)
    changes = (
        lambda y: y.mul_(3),
        lambda y: y.__setitem__(0, 5.0),
        lambda y: y.view(2).mul_(3),
        lambda y: y.squeeze_(0),
    )
    for change in changes:
        y = x * 1
        y.retain_grad()
        change(y)
        y.sum().backward()
        assert y.grad.tolist() == [1.0, 1.0] and y.retains_grad


def test_retain_grad_of_a_view_follows_its_base():
    x = gp.ones(2, requires_grad=True)
    y = x * 1
    view = y[0]
    view.retain_grad()
    y.mul_(2)
    (view * view).backward()
    assert view.grad.item() == 4.0
