import numpy as np
import pytest

import gpunn as gp
from gpunn.autograd import GradcheckError, gradcheck, gradgradcheck


class Wrong(gp.autograd.Function):
    """x^2 with a wrong derivative."""

    factor = 2.01

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        return grad * Wrong.factor * ctx.saved_tensors[0]


def leaf(values):
    return gp.tensor(np.asarray(values, np.float64), requires_grad=True)


@pytest.mark.parametrize("fast", [False, True])
def test_right_and_wrong_derivatives(fast):
    x = leaf([[0.3, -0.7], [1.1, 0.4]])
    assert gradcheck(lambda t: (t * t).exp(), x, fast_mode=fast)
    assert gradgradcheck(lambda t: (t * t).exp(), x, fast_mode=fast)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, x, fast_mode=fast)
    assert not gradcheck(Wrong.apply, x, fast_mode=fast, raise_exception=False)


def test_wrong_second_derivative():
    class WrongTwice(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x * x.detach()

    x = leaf([0.5, 1.5])
    assert gradcheck(WrongTwice.apply, x)
    with pytest.raises(GradcheckError):
        gradgradcheck(WrongTwice.apply, x)


def test_several_inputs_and_outputs():
    a, b, c = leaf([0.3, 0.9]), leaf([1.2, -0.4]), gp.tensor([2.0, 3.0], dtype=gp.float64)
    f = lambda a, b, c: (a * b, (a + c).exp())  # noqa: E731
    assert gradcheck(f, (a, b, c)) and gradgradcheck(f, (a, b, c), gen_non_contig_grad_outputs=True)
    weights = (leaf([1.0, 2.0]), leaf([0.5, 0.1]))
    assert gradgradcheck(f, (a, b, c), weights)


def test_what_it_needs():
    with pytest.raises(ValueError, match="requires gradients"):
        gradcheck(lambda t: t, (gp.ones(2),))
    with pytest.raises(ValueError, match="check_batched_grad"):
        gradcheck(lambda t: t, (leaf([1.0]),), check_batched_grad=True)


def test_a_backward_that_ignores_its_gradient():
    class Constant(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, grad):
            return gp.ones(1, dtype=gp.float64)

    with pytest.raises(GradcheckError, match="not multiplied by grad_output"):
        gradcheck(Constant.apply, leaf([2.0]))


def test_a_backward_that_is_random():
    state = []

    class Random(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            state.append(0)
            return grad * (1 + 1e-9 * len(state))

    with pytest.raises(GradcheckError, match="not reentrant"):
        gradcheck(Random.apply, leaf([2.0]))
    assert gradcheck(Random.apply, leaf([2.0]), nondet_tol=1e-6)


def test_checks_that_are_not_there_are_refused():
    for name in ("check_forward_ad", "check_batched_grad", "check_batched_forward_grad", "masked"):
        with pytest.raises(ValueError, match=f"{name} is not supported"):
            gradcheck(gp.exp, leaf([0.5]), **{name: True})
    with pytest.raises(ValueError, match="check_backward_ad"):
        gradcheck(gp.exp, leaf([0.5]), check_backward_ad=False)
    for setting in ({"check_fwd_over_rev": True}, {"check_rev_over_rev": False}):
        with pytest.raises(ValueError, match="only check_rev_over_rev=True"):
            gradgradcheck(gp.exp, leaf([0.5]), **setting)
    assert gradgradcheck(gp.exp, leaf([0.5]), check_grad_dtypes=True)
