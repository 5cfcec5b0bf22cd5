import copy

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import GraphError
from tests.ops.shape.test_views import counted, is_view

METHODS = [
    (lambda x: x.reshape(3, 4), lambda a: a.reshape(3, 4)),
    (lambda x: x.reshape((3, -1)), lambda a: a.reshape(3, 4)),
    (lambda x: x.reshape(shape=[3, 4]), lambda a: a.reshape(3, 4)),
    (lambda x: x.view(12), np.ravel),
    (lambda x: x.view(size=(12,)), np.ravel),
    (lambda x: x.view_as(gp.zeros(12)), np.ravel),
    (lambda x: x.reshape_as(gp.zeros(12)), np.ravel),
    (lambda x: x.flatten(1), lambda a: a.reshape(1, 12)),
    (lambda x: x.unflatten(2, (2, 3)), lambda a: a.reshape(1, 2, 2, 3)),
    (lambda x: x.ravel(), np.ravel),
    (lambda x: x.squeeze(), np.squeeze),
    (lambda x: x.unsqueeze(1), lambda a: a[:, None]),
    (lambda x: x.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    (lambda x: x.permute(dims=(2, 0, 1)), lambda a: a.transpose(2, 0, 1)),
    (lambda x: x.transpose(0, 2), lambda a: a.swapaxes(0, 2)),
    (lambda x: x.swapaxes(0, 2), lambda a: a.swapaxes(0, 2)),
    (lambda x: x.swapdims(0, 2), lambda a: a.swapaxes(0, 2)),
    (lambda x: x[0].t(), lambda a: a[0].T),
    (lambda x: x.adjoint(), lambda a: a.swapaxes(1, 2)),
    (lambda x: x.mT, lambda a: a.swapaxes(1, 2)),
    (lambda x: x.mH, lambda a: a.swapaxes(1, 2)),
    (lambda x: x.T, lambda a: a.T),
    (lambda x: x[0].H, lambda a: a[0].T),
    (lambda x: x.movedim(0, 2), lambda a: np.moveaxis(a, 0, 2)),
    (lambda x: x.moveaxis(0, 2), lambda a: np.moveaxis(a, 0, 2)),
    (lambda x: x.expand(3, -1, -1), lambda a: np.broadcast_to(a, (3, 2, 6))),
    (lambda x: x.expand(size=(3, 2, 6)), lambda a: np.broadcast_to(a, (3, 2, 6))),
    (lambda x: x.expand_as(gp.zeros(3, 2, 6)), lambda a: np.broadcast_to(a, (3, 2, 6))),
    (lambda x: x.broadcast_to(3, 2, 6), lambda a: np.broadcast_to(a, (3, 2, 6))),
    (lambda x: x.sum_to_size(1, 6), lambda a: a.sum(1)),
    (lambda x: x.repeat(2, 1, 1), lambda a: np.tile(a, (2, 1, 1))),
    (lambda x: x.tile(2), lambda a: np.tile(a, 2)),
    (lambda x: x.repeat_interleave(2, 1), lambda a: a.repeat(2, 1)),
    (lambda x: x.narrow(2, 1, 3), lambda a: a[:, :, 1:4]),
    (lambda x: x.select(2, 1), lambda a: a[:, :, 1]),
    (lambda x: x.split(4, 2)[1], lambda a: a[:, :, 4:]),
    (lambda x: x.split_with_sizes((1, 5), 2)[1], lambda a: a[:, :, 1:]),
    (lambda x: x.tensor_split(4, 2)[3], lambda a: a[:, :, 5:]),
    (lambda x: x.hsplit(2)[1], lambda a: a[:, 1:]),
    (lambda x: x.vsplit(1)[0], lambda a: a),
    (lambda x: x.dsplit(3)[1], lambda a: a[:, :, 2:4]),
    (lambda x: x.chunk(2, 2)[1], lambda a: a[:, :, 3:]),
    (lambda x: x.unbind(1)[1], lambda a: a[:, 1]),
    (lambda x: x.flip(1, 2), lambda a: np.flip(a, (1, 2))),
    (lambda x: x.fliplr(), np.fliplr),
    (lambda x: x.flipud(), np.flipud),
    (lambda x: x.roll(2, 2), lambda a: np.roll(a, 2, 2)),
    (lambda x: x.rot90(1, (1, 2)), lambda a: np.rot90(a, 1, (1, 2))),
]


@pytest.mark.parametrize(("method", "reference"), METHODS)
def test_methods(method, reference, device):
    x = counted(1, 2, 6, device=device)
    found, wanted = method(x), reference(x.cpu().array)
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found.cpu().array, wanted)


def test_properties_and_their_errors():
    assert gp.tensor(1.0).T.shape == gp.tensor(1.0).H.shape == ()
    assert gp.zeros(2, 3).ndimension() == 2
    with pytest.raises(RuntimeError, match=r"tensor\.mT is only supported on matrices"):
        _ = gp.zeros(3).mT
    with pytest.raises(RuntimeError, match=r"tensor\.H is only supported on matrices .* Got 3-D"):
        _ = gp.zeros(2, 3, 4).H
    with pytest.raises(TypeError):
        gp.zeros(()).permute()


class TestInPlaceForms:
    FORMS = (
        (lambda x: x.unsqueeze_(1), (2, 1, 3)),
        (lambda x: x.t_(), (3, 2)),
        (lambda x: x.transpose_(0, 1), (3, 2)),
        (lambda x: x.swapaxes_(0, 1), (3, 2)),
        (lambda x: x.swapdims_(0, 1), (3, 2)),
        (lambda x: x.unsqueeze_(0).squeeze_(), (2, 3)),
    )

    @pytest.mark.parametrize(("form", "shape"), FORMS)
    def test_only_the_shape_changes(self, form, shape, device):
        x = counted(2, 3, device=device)
        pointer = x.data_ptr()
        assert form(x) is x
        assert x.shape == shape and x.data_ptr() == pointer and x._version[0] > 0

    def test_history(self, device):
        x = gp.tensor([[1.0, 2.0], [3.0, 4.0]], device=device, requires_grad=True)
        y = x * 1
        y.t_()
        assert y.grad_fn.name() == "PermuteBackward0"
        (y * gp.tensor([[1.0, 10.0], [100.0, 1000.0]], device=device)).sum().backward()
        assert x.grad.tolist() == [[1, 100], [10, 1000]]

    def test_older_views_still_fit(self, device):
        """A view taken before the change of shape is written afterwards; both directions see it."""
        x = gp.tensor([[1.0, 2.0], [3.0, 4.0]], device=device, requires_grad=True)
        y = x * 1
        row = y.select(0, 0)
        y.unsqueeze_(0).transpose_(1, 2)
        row.mul_(5)
        assert y.tolist() == [[[5, 3], [10, 4]]]
        y.select(2, 1).mul_(7)
        assert row.tolist() == [5, 10]
        (y * y).sum().backward()
        assert x.grad.tolist() == [[50, 100], [294, 392]]

    def test_of_a_view(self):
        y = gp.ones(2, 3, requires_grad=True) * 1
        v = y.narrow(1, 0, 2)
        v.unsqueeze_(0)
        v.mul_(2)
        assert y.tolist() == [[2, 2, 1], [2, 2, 1]]
        assert v.shape == (1, 2, 2) and v.grad_fn is not None

    def test_leaf_that_requires_grad(self):
        x = gp.ones(2, requires_grad=True)
        with pytest.raises(GraphError, match="unsqueeze_: a leaf Variable that requires grad"):
            x.unsqueeze_(0)
        assert x.shape == (2,) and x._version == [0]
        with gp.no_grad():
            x.unsqueeze_(0)
        assert x.is_leaf and x.requires_grad and x.shape == (1, 2)
        with pytest.raises(GraphError, match="a leaf Variable"):
            x.mul_(2)

    def test_without_recording_the_history_still_fits_the_shape(self):
        x = gp.ones(2, 3, requires_grad=True)
        y = x * 2
        with gp.no_grad():
            y.t_()
        y.sum().backward()
        assert x.grad.tolist() == [[2, 2, 2], [2, 2, 2]]

    def test_stretched_memory_may_change_its_shape(self):
        assert gp.zeros(3).expand(2, 3).t_().shape == (3, 2)

    def test_a_saved_tensor_that_changes_shape_is_noticed(self):
        w = gp.ones(2, requires_grad=True)
        y = gp.ones(2)
        z = (w * y).sum()
        y.unsqueeze_(0)
        with pytest.raises(GraphError, match="modified by an inplace operation"):
            z.backward()

    def test_errors_change_nothing(self):
        x = counted(2, 3)
        for wrong in (lambda: x.unsqueeze_(4), lambda: x.transpose_(0, 2)):
            with pytest.raises(IndexError, match="Dimension out of range"):
                wrong()
        assert x.shape == (2, 3) and x._version == [0]


class TestSequence:
    def test_length_and_iteration(self, device):
        x = counted(3, 2, device=device)
        assert len(x) == 3
        rows = list(x)
        assert [r.tolist() for r in rows] == x.tolist() and is_view(rows[1], x)
        a, b = counted(2)
        assert (a.item(), b.item()) == (0, 1)
        assert [r.tolist() for r in reversed(x)] == x.tolist()[::-1]

    def test_iteration_carries_gradients(self):
        x = gp.tensor([1.0, 2.0], requires_grad=True)
        sum(v * v for v in x).backward()
        assert x.grad.tolist() == [2, 4]

    def test_0d(self):
        x = gp.tensor(1.0)
        with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
            len(x)
        with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
            iter(x)
        assert x.__reversed__() is x

    def test_contains(self, device):
        x = counted(2, 3, device=device)
        assert 5 in x and 7 not in x and gp.tensor(5.0, device=device) in x
        assert gp.tensor([0.0, 9.0, 9.0], device=device) in x
        for wrong in ("a", None):
            with pytest.raises(RuntimeError, match="only supports Tensor or scalar"):
                _ = wrong in x


def test_copy_is_a_leaf_on_the_same_memory():
    x = gp.ones(2, requires_grad=True) * 3
    twin = copy.copy(x)
    assert twin.is_leaf and twin.requires_grad and type(twin) is gp.Tensor
    twin.detach().fill_(1)
    assert x.tolist() == [1, 1] and x._version == [1]
    assert not copy.copy(gp.ones(1)).requires_grad
