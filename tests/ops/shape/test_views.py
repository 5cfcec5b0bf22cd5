import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from gpunn import backend
from tests.harness import check_op


def counted(*shape, device="cpu"):
    return gp.arange(float(np.prod(shape)), device=device).view(*shape)


def is_view(y, x):
    """Whether y shows the memory of x: a change of one is a change of the other, and counted as one."""
    return backend.is_view(y.array, x.array) and y._version is x._version


VIEWS = [
    (lambda x: gp.reshape(x, (3, -1)), lambda a: a.reshape(3, -1), (2, 6)),
    (lambda x: gp.view(x, (4, 3)), lambda a: a.reshape(4, 3), (2, 6)),
    (lambda x: gp.reshape(x.t(), (4, 3)), lambda a: a.T.reshape(4, 3), (2, 6)),
    (lambda x: gp.flatten(x, 1), lambda a: a.reshape(2, -1), (2, 3, 4)),
    (lambda x: gp.flatten(x, 0, 1), lambda a: a.reshape(6, 4), (2, 3, 4)),
    (lambda x: gp.flatten(x), lambda a: a.reshape(1), ()),
    (lambda x: gp.unflatten(x, 1, (2, -1)), lambda a: a.reshape(2, 2, 3), (2, 6)),
    (lambda x: gp.ravel(x), np.ravel, (2, 3)),
    (lambda x: gp.ravel(x.t()), lambda a: a.T.ravel(), (2, 3)),
    (lambda x: gp.view_as(x, gp.zeros(6)), np.ravel, (2, 3)),
    (lambda x: gp.reshape_as(x, gp.zeros(6)), np.ravel, (2, 3)),
]


@pytest.mark.parametrize(("op", "reference", "shape"), VIEWS)
def test_values_and_gradients(op, reference, shape, device):
    check_op(op, reference, [shape], device)


def test_views_share_memory(device):
    x = counted(2, 6, device=device)
    for y in (x.reshape(12), x.view(3, 4), x.flatten(), x.unflatten(1, (2, 3)), x.ravel(), x.view(gp.int32)):
        assert is_view(y, x)
    assert is_view(x[:, :4].reshape(2, 2, 2), x)
    assert not is_view(x.t().reshape(12), x)
    assert not is_view(x[:, :4].ravel(), x)


def test_numel():
    assert gp.numel(gp.zeros(2, 3)) == 6 and gp.numel(gp.tensor(1)) == 1
    with pytest.raises(TypeError, match=r"numel: .* must be a Tensor, not list"):
        gp.numel([1])


def test_flatten_of_one_dimension_is_the_tensor_itself():
    x = counted(2, 3)
    assert x.flatten(1, 1) is x
    assert x.flatten(-1) is x


def test_view_never_copies():
    x = counted(3, 4)
    with pytest.raises(RuntimeError, match=r"view: view size \[12\] is not compatible .* Use .reshape"):
        x.t().view(12)
    with pytest.raises(RuntimeError, match="view size"):
        x.narrow(1, 0, 2).view(6)
    assert is_view(x.t().view(2, 2, 3), x)
    assert gp.zeros(3, 0).t().view(0).shape == (0,)


@given(st.data())
def test_view_is_possible_exactly_where_the_strides_allow_it(data):
    """NumPy's reshape shares memory exactly then; view must neither refuse nor copy."""
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    x = counted(*shape).permute(data.draw(st.permutations(range(len(shape)))))
    cut = data.draw(st.integers(0, len(shape) - 1))
    x = x.narrow(cut, 0, data.draw(st.integers(1, x.shape[cut])))
    factors = data.draw(st.permutations([n for n in x.shape for n in ([2, 2] if n == 4 else [n])]))
    if np.shares_memory(x.array.reshape(factors), x.array):
        assert is_view(x.view(factors), x)
        np.testing.assert_array_equal(x.view(factors).array, x.array.reshape(factors))
    else:
        with pytest.raises(RuntimeError, match="not compatible"):
            x.view(factors)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: x.view(5), RuntimeError, "invalid for input of size 12"),
        (lambda x: x.view(2.0), TypeError, "view: size must be ints"),
        (lambda x: gp.view(x), TypeError, "expected a shape or a dtype"),
        (lambda x: x.flatten(1, 0), RuntimeError, "start_dim cannot come after end_dim"),
        (lambda x: x.flatten(2), IndexError, "Dimension out of range"),
        (lambda x: gp.tensor(1.0).flatten(1), IndexError, "Dimension out of range"),
        (lambda x: x.unflatten(1, (5, -1)), RuntimeError, "don't multiply up to the size of dim 1"),
        (lambda x: x.unflatten(1, ()), RuntimeError, "sizes must be non-empty"),
        (lambda x: x.unflatten(1, 4), TypeError, "sizes must be ints"),
    ],
)
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(counted(3, 4))


def test_in_place_changes_through_a_view_reach_the_base_and_its_gradient(device):
    x = gp.tensor(np.arange(6.0).reshape(2, 3), device=device, requires_grad=True)
    y = x * 1
    flat = y.view(-1)
    flat.narrow(0, 1, 3).mul_(10)
    assert y.tolist() == [[0, 10, 20], [30, 4, 5]]
    (g,) = gp.autograd.grad((y * y).sum(), [x], create_graph=True)
    assert g.tolist() == [[0, 200, 400], [600, 8, 10]]
    g.sum().backward()
    assert x.grad.tolist() == [[2, 200, 200], [200, 2, 2]]
    assert flat.grad_fn is not None and y.grad_fn.name().startswith("CopySlices")


class TestOtherDtype:
    def test_same_bytes(self, device):
        x = gp.tensor([[1.0, -2.0]], device=device)
        assert x.view(gp.int32).tolist() == [[0x3F800000, -0x40000000]]
        assert x.view(dtype=gp.uint8).shape == (1, 8)
        assert x.view(gp.float64).shape == (1, 1)
        assert x.view(gp.float16).view(gp.float32).tolist() == x.tolist()
        assert x.view(gp.bfloat16).tolist() == [[0, 1, 0, -2]]

    def test_writes_through(self):
        x = gp.zeros(2)
        x.view(gp.int32).fill_(0x40400000)
        assert x.tolist() == [3, 3]
        assert x._version == [1]

    def test_carries_no_gradient(self):
        x = gp.ones(2, requires_grad=True)
        assert not x.view(gp.float32).requires_grad
        assert x.view(gp.float32).grad_fn is None

    @pytest.mark.parametrize(
        ("make", "to", "words"),
        [
            (lambda: gp.zeros(3), gp.float64, "divisible by 2"),
            (lambda: gp.zeros(()), gp.float64, "dim.. cannot be 0"),
            (lambda: gp.zeros(4, 2).t(), gp.int16, "stride.-1. must be 1"),
            (lambda: gp.zeros(4, 3)[:, 1:], gp.float64, "multiple of 8 bytes"),
            (lambda: gp.zeros(5)[1:], gp.float64, "multiple of 8 bytes"),
        ],
    )
    def test_refuses(self, make, to, words):
        with pytest.raises(RuntimeError, match=words):
            make().view(to)
