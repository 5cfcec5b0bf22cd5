import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

OPS = {
    "addmm": (gp.addmm, np.matmul, [(2, 3), (3, 4)], (2, 4)),
    "addmv": (gp.addmv, np.matmul, [(2, 3), (3,)], (2,)),
    "addbmm": (gp.addbmm, lambda a, b: (a @ b).sum(0), [(5, 2, 3), (5, 3, 4)], (2, 4)),
    "baddbmm": (gp.baddbmm, np.matmul, [(5, 2, 3), (5, 3, 4)], (5, 2, 4)),
}


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize(("beta", "alpha"), [(1, 1), (0.5, -2), (0, 3)])
def test_values_and_gradients(name, beta, alpha, device):
    op, product, factors, shape = OPS[name]
    for given in (shape, shape[-1:], ()):
        check_op(
            lambda x, a, b: op(x, a, b, beta=beta, alpha=alpha),
            lambda x, a, b: beta * x + alpha * product(a, b),
            [given, *factors],
            device,
        )


@pytest.mark.parametrize("name", OPS)
def test_dtypes(name, device):
    op, product, factors, shape = OPS[name]
    check_dtypes(op, lambda x, a, b: x + product(a, b), [shape, *factors], device, factor=4)
    x, a, b = (gp.ones(s, dtype=gp.int64, device=device) for s in (shape, *factors))
    wanted = 2 + 3 * product(*(np.ones(s, int) for s in factors))
    assert op(x, a, b, beta=2.9, alpha=3.5).tolist() == wanted.tolist()  # as integers


def test_with_beta_0_nan_is_not_read(device):
    a = gp.ones(2, 2, device=device)
    assert gp.addmm(gp.full((2, 2), float("nan"), device=device), a, a, beta=0).tolist() == [[2, 2], [2, 2]]


@pytest.mark.parametrize("name", OPS)
def test_in_place(name, device):
    _, product, factors, shape = OPS[name]
    x = gp.ones(shape, device=device, requires_grad=True)
    a, b = (gp.ones(s, device=device, requires_grad=True) for s in factors)
    y = x * 2
    assert getattr(y, f"{name}_")(a, b, beta=3) is y
    np.testing.assert_array_equal(y.tolist(), 6 + product(*(np.ones(s) for s in factors)))
    y.sum().backward()
    assert x.grad.unique().tolist() == [6]
    assert a.grad is not None
    assert b.grad is not None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: gp.addmm(x(3), x(2, 3), x(3, 4)), r"addmm: input of shape \(3,\) does not broadcast to \(2, 4\)"),
        (lambda x: gp.addmm(x(1, 2, 4), x(2, 3), x(3, 4)), "does not broadcast"),
        (lambda x: gp.addmm(x(4).double(), x(2, 3), x(3, 4)), "same dtype"),
        (lambda x: gp.addmm(x(4), x(2, 3), x(4, 4)), "2x3 and 4x4"),
        (lambda x: gp.addmv(x(3), x(2, 3), x(3)), "does not broadcast"),
        (lambda x: gp.addbmm(x(4), x(5, 2, 3), x(4, 3, 4)), r"to be: \[5, 3\] but got: \[4, 3\]"),
        (lambda x: gp.baddbmm(x(7), x(5, 2, 3), x(5, 3, 4)), "does not broadcast"),
        (lambda x: x(4).addmm_(x(2, 3), x(3, 4)), "an in-place operation keeps the shape"),
    ],
)
def test_errors(call, words):
    with pytest.raises(RuntimeError, match=words):
        call(gp.ones)


def test_addr(device):
    check_op(
        lambda m, a, b: gp.addr(m, a, b, beta=2, alpha=0.5),
        lambda m, a, b: 2 * m + 0.5 * np.outer(a, b),
        [(3, 4), (3,), (4,)],
        device,
    )
    m = gp.full((2, 2), float("nan"), device=device)
    assert m.addr_(gp.ones(2, device=device), gp.ones(2, device=device), beta=0).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(RuntimeError, match="does not broadcast"):
        gp.addr(gp.ones(3, 3), gp.ones(2), gp.ones(2))


def test_addr_of_booleans(device):
    m, a = gp.tensor([[True, False], [False, False]], device=device), gp.tensor([False, True], device=device)
    assert gp.addr(m, a, a).tolist() == [[True, False], [False, True]]
    assert gp.addr(m, a, a, beta=0).tolist() == [[False, False], [False, True]]
    assert gp.addr(m, a, a, alpha=0).tolist() == m.tolist()


def test_with_beta_0_the_gradient_of_the_input_is_0(device):
    a = gp.ones(2, 2, device=device)
    for op, shape in ((gp.addmm, (2, 2)), (gp.addmm, (2,)), (gp.addmm, ())):
        x = gp.full(shape, float("nan"), device=device, requires_grad=True)
        y = op(x, a, a, beta=0)
        y.sum().backward()
        assert y.tolist() == [[2.0, 2.0], [2.0, 2.0]] and x.grad.shape == shape and not x.grad.any()
