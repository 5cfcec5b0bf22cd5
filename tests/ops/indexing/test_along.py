import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.ops.indexing.along import Scatter, ScatterAdd, ScatterExtreme, ScatterProd, TwiceDifferentiable
from tests.harness import check_op

RNG = np.random.default_rng(3)
UFUNCS = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
INDICES = [
    (0, RNG.permutation(4)[:, None] * np.ones((1, 3), int)),
    (1, np.argsort(RNG.random((4, 3)), 1)),
    (1, np.argsort(RNG.random((4, 3)), 1)[:2, :2]),
]
REPEATED = [*INDICES, (0, RNG.integers(0, 4, (6, 3))), (1, np.array([[2, 2, 2, 0], [1, 1, 0, 1]]))]


def looped(how, dim, index):
    """x changed by src, one element after the other."""

    def reference(x, src):
        for place in np.ndindex(index.shape):
            where = list(place)
            where[dim] = index[place]
            x[tuple(where)] = src[place] if how == "assign" else UFUNCS[how](x[tuple(where)], src[place])
        return x

    return reference


def applied(node, index):
    return lambda x, src: node.fresh()(x, src, gp.tensor(index, device=x.device))


@pytest.mark.parametrize(("dim", "index"), INDICES)
@pytest.mark.parametrize("more", [0, 2])
def test_scatter(dim, index, more, device):
    shapes = [(4, 3), tuple(n + more for n in index.shape)]
    check_op(applied(Scatter(dim), index), looped("assign", dim, index), shapes, device)


@pytest.mark.parametrize(("dim", "index"), REPEATED)
def test_scatter_keeps_the_last(dim, index, device):
    check_op(applied(Scatter(dim), index), looped("assign", dim, index), [(4, 3), index.shape], device, derivatives=0)


@pytest.mark.parametrize(("dim", "index"), REPEATED)
@pytest.mark.parametrize("more", [0, 2])
@pytest.mark.parametrize("how", UFUNCS)
def test_reductions(how, dim, index, more, device):
    node = {"sum": ScatterAdd(dim), "prod": ScatterProd(dim)}.get(how) or ScatterExtreme(dim, how)
    shapes = [(4, 3), tuple(n + more for n in index.shape)]
    check_op(applied(node, index), looped(how, dim, index), shapes, device, gradient_rtol=1e-5)


@pytest.mark.parametrize("x", [[2.0, 3], [0.0, 3]])
@pytest.mark.parametrize("src", [[5.0, 7, 11], [0.0, 7, 11], [5.0, 0, 0]])
def test_products_with_zeros(x, src, device):
    index = np.array([0, 0, 1])
    zeros = src[:2].count(0) + (x[0] == 0)
    check_op(
        applied(ScatterProd(0), index), looped("prod", 0, index), [x, src], device, derivatives=2 if zeros < 2 else 1
    )


def test_second_derivative_with_two_zeros_is_refused():
    src = gp.zeros(2, requires_grad=True)
    y = ScatterProd(0)(gp.ones(1), src, gp.tensor([0, 0]))
    (grad,) = gp.autograd.grad(y, src, gp.ones(1), create_graph=True)
    assert grad.tolist() == [0, 0]
    with pytest.raises(NotImplementedError, match="two zeros at one place: the second derivative"):
        gp.autograd.grad(grad.sum(), src)


def test_equal_extremes_share_the_gradient(device):
    x = gp.tensor([3.0, 1], device=device, requires_grad=True)
    src = gp.tensor([3.0, 2, 3], device=device, requires_grad=True)
    ScatterExtreme(0, "amax")(x, src, gp.tensor([0, 0, 0], device=device)).sum().backward()
    third = np.float32(1) / np.float32(3)
    assert x.grad.tolist() == [third, 1]
    assert src.grad.tolist() == [third, 0, third]


def test_numbers(device):
    x, index = gp.ones(2, 3, device=device), gp.tensor([[0, 2], [1, 1]], device=device)
    assert Scatter(1)(x, 5, index).tolist() == [[5, 1, 5], [1, 5, 1]]
    assert ScatterAdd(1)(x, 5, index).tolist() == [[6, 1, 6], [1, 11, 1]]
    assert ScatterProd(1)(x, 5, index).tolist() == [[5, 1, 5], [1, 25, 1]]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("node", [Scatter(0), ScatterAdd(0), ScatterProd(0), ScatterExtreme(0, "amax")])
def test_dtypes(node, dtype, device):
    kind = getattr(gp, dtype)
    x, src = (gp.tensor(v, dtype=kind, device=device) for v in ([1, 0, 2], [1, 3, 2]))
    found = node.fresh()(x, src, gp.tensor([0, 1, 1], device=device))
    numbers = [a.astype(float) for a in (backend.asnumpy(x.array), backend.asnumpy(src.array))]
    wanted = looped(getattr(node, "how", "assign"), 0, np.array([0, 1, 1]))(*numbers)
    assert found.dtype is kind
    np.testing.assert_array_equal(backend.asnumpy(found.array), wanted.astype(kind.numpy))


def test_nan_is_an_extreme(device):
    x = gp.tensor([1.0, 2], device=device)
    y = ScatterExtreme(0, "amin")(x, gp.tensor([float("nan"), 0], device=device), gp.tensor([0, 0], device=device))
    assert np.isnan(y.tolist()[0])


def test_twice_differentiable_is_the_identity():
    x = gp.ones(2, requires_grad=True)
    y = TwiceDifferentiable()(x, gp.ones(2))
    assert y.tolist() == [1, 1]
    assert gp.autograd.grad(y, x, gp.ones(2))[0].tolist() == [1, 1]


def test_the_gradient_of_products_waits_for_no_gpu():
    with emulator.enable():
        src = gp.tensor([0.0, 0, 3], device="cuda", requires_grad=True)
        y = ScatterProd(0)(gp.ones(2, device="cuda"), src, gp.tensor([0, 0, 1], device="cuda"))
        index = gp.tensor([0, 0, 1], device="cuda")
        before = emulator.synchronisations.count
        y.sum().backward()
        again = ScatterProd(0)(gp.ones(2, device="cuda"), src, index)
        (grad,) = gp.autograd.grad(again.sum(), src, create_graph=True)
        assert emulator.synchronisations.count == before
        assert src.grad.tolist() == [0, 0, 1]
        assert grad.requires_grad
