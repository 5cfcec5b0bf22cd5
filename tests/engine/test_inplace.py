import numpy as np
import pytest

import gpunn as gp


def leaf(values, device="cpu"):
    return gp.tensor(values, device=device, requires_grad=True)


def test_in_place_is_recorded(device):
    x = leaf([1.0, 2.0], device)
    y = x * 2
    y.mul_(3)
    y += 1
    y.sum().backward()
    assert y.tolist() == [7.0, 13.0] and x.grad.tolist() == [6.0, 6.0]


def test_leaf_that_requires_grad_is_protected():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x.view(2).add_(1)
    assert x.tolist() == [1.0, 2.0]
    with gp.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0, 3.0]


def test_change_of_a_saved_tensor_is_noticed(device):
    x = leaf([1.0, 2.0], device)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(
        RuntimeError,
        match=r"modified by an inplace operation: input \d of Mul, .* version 1; expected version 0",
    ):
        z.sum().backward()


def test_change_of_a_saved_output_is_noticed():
    x = leaf([1.0, 2.0])
    y = x.exp()
    y.mul_(2)
    with pytest.raises(RuntimeError, match="output 0 of Exp"):
        y.sum().backward()


def test_change_through_a_view_of_a_saved_tensor_is_noticed():
    x = leaf([1.0, 2.0])
    y = x * 1
    z = y * y
    y.detach()[0] = 5.0
    with pytest.raises(RuntimeError, match="inplace"):
        z.sum().backward()


def test_change_of_what_no_gradient_needs_is_fine():
    x, c = leaf([1.0, 2.0]), gp.tensor([3.0, 4.0])
    y = x + c
    c.add_(1)
    y.sum().backward()
    w = leaf([1.0])
    (w * gp.tensor([5.0])).backward(retain_graph=True)
    assert x.grad.tolist() == [1.0, 1.0]


def test_data_goes_around_the_version_counter():
    x = leaf([1.0, 2.0])
    y = x * 1
    z = y * y
    y.data.add_(1)
    z.sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_writing_a_view_changes_the_history_of_the_base(device):
    x = leaf(np.arange(6.0).reshape(2, 3), device)
    v = leaf([10.0, 20.0, 30.0], device)
    y = x * 2
    y.select(0, 1).mul_(v)
    (y * y).sum().backward()
    wanted = np.array([[0.0, 8.0, 16.0], [6.0 * 2 * 100 * 2, 8.0 * 2 * 400 * 2, 10.0 * 2 * 900 * 2]])
    np.testing.assert_allclose(x.grad.cpu().numpy(), wanted)
    np.testing.assert_allclose(v.grad.cpu().numpy(), [2 * 36 * 10.0, 2 * 64 * 20.0, 2 * 100 * 30.0])


def test_older_views_follow_the_base():
    x = leaf(np.arange(4.0))
    y = x * 1
    first, again = y.narrow(0, 0, 2), y.view(2, 2)
    y.mul_(3)
    assert type(first.grad_fn).__name__ == type(first.narrow(0, 0, 1).grad_fn).__name__
    (first.sum() + again.sum()).backward()
    assert x.grad.tolist() == [6.0, 6.0, 3.0, 3.0]


def test_view_of_a_constant_base_that_becomes_part_of_a_graph():
    base = gp.zeros(3)
    x = leaf(2.0)
    base[1] = x
    assert base.requires_grad and not base.is_leaf
    (base * gp.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.item() == 10.0


def test_second_derivative_through_a_written_view():
    def f(x):
        y = x * x
        y.narrow(0, 1, 2).mul_(x.narrow(0, 0, 2))
        return y * x

    x = leaf(np.array([0.5, -1.2, 2.0]))
    assert gp.autograd.gradcheck(f, (x,)) and gp.autograd.gradgradcheck(f, (x,))


def test_views_of_several_outputs_cannot_be_written_with_gradient():
    x = leaf(np.arange(4.0))
    first, _ = (x * 1).split(2)
    with pytest.raises(RuntimeError, match="multiple views"):
        first.add_(1)


def test_expanded_memory_cannot_be_written():
    with pytest.raises(RuntimeError, match="more than one element"):
        gp.zeros(1).expand(3).add_(1)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda x: x.add_(gp.ones(3, 2)), RuntimeError, "doesn't match the broadcast shape"),
        (lambda x: gp.tensor([1, 2]).add_(0.5), RuntimeError, "can't be cast"),
    ],
)
def test_a_failed_change_changes_nothing(change, error, text):
    x = gp.tensor([1.0, 2.0])
    with pytest.raises(error, match=text):
        change(x)
    assert x.tolist() == [1.0, 2.0] and x._version == [0]


def test_integer_and_half_tensors_take_what_fits():
    x = gp.tensor([1, 2])
    x.add_(gp.tensor([1, 1], dtype=gp.int8))
    h = gp.ones(2, dtype=gp.float16)
    h.add_(gp.ones(2))
    assert x.tolist() == [2, 3] and h.dtype is gp.float16


def test_self_assignment_with_overlap():
    x = gp.tensor([1.0, 2.0, 3.0])
    x.narrow(0, 1, 2).copy_(x.narrow(0, 0, 2))
    assert x.tolist() == [1.0, 1.0, 2.0]


def test_a_view_made_without_recording_is_not_changed_with_recording():
    w = gp.ones(2, requires_grad=True)
    y = w * 2
    with gp.no_grad():
        view = y[0:1]
    assert not view.requires_grad
    with pytest.raises(RuntimeError, match="a view created in no_grad mode"):
        view.mul_(w[0:1])
    assert y.tolist() == [2.0, 2.0]
    with gp.no_grad():
        view.mul_(2)
    assert y.tolist() == [4.0, 2.0]


def test_a_view_of_a_frozen_leaf_that_has_a_history_is_protected():
    x = gp.ones(2, requires_grad=True)
    view = x[0:1]
    x.requires_grad_(False)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        view.mul_(2)


def test_one_of_several_views_keeps_its_shape():
    y = gp.ones(2, 2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="returns multiple views"):
        y.split(1)[0].squeeze_(0)


def test_tensors_that_changed_shape_without_history_take_gradients_in_place():
    w = gp.tensor(3.0, requires_grad=True)
    for change in (lambda x: x.t_(), lambda x: x.unsqueeze_(0), lambda x: x.transpose_(0, 1)):
        x = gp.zeros(2, 3)
        change(x)
        x.add_(w)
        assert gp.autograd.grad(x.sum(), w)[0].item() == 6.0


def test_what_a_view_wrote_over_gets_no_gradient_even_of_infinity_and_nan(device):
    x = leaf([1.0, 1.0, 1.0], device)
    y = x * 1
    y[:2] = gp.tensor([5.0, 6.0], device=device)
    y.backward(gp.tensor([float("inf"), float("nan"), 3.0], device=device))
    assert x.grad.tolist() == [0.0, 0.0, 3.0]
    x.grad = None
    y = x * 1
    y[:1].mul_(2)
    y.backward(gp.tensor([float("inf"), 2.0, 3.0], device=device))
    assert x.grad.tolist() == [float("inf"), 2.0, 3.0]
