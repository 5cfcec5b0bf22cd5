import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

RNG = np.random.default_rng(9)
A = RNG.standard_normal((3, 6))
COUNTS, SHARES = np.array([1, 2, 0, 3, 1, 1]), RNG.uniform(0.2, 2, 6)


@pytest.mark.parametrize("correction", [0, 1, 2])
@pytest.mark.parametrize("counts", [None, COUNTS])
@pytest.mark.parametrize("shares", [None, SHARES])
def test_cov(shares, counts, correction, device):
    own = {
        name: None if values is None else gp.tensor(values, device=device)
        for name, values in (("fweights", counts), ("aweights", shares))
    }

    def reference(x):
        return np.cov(x, ddof=correction, fweights=counts, aweights=shares)

    def op(x):
        return gp.cov(x, correction=correction, **own)

    check_op(op, reference, [A], device, rtol=1e-11)
    check_op(op, reference, [A[0]], device, rtol=1e-11)


def test_gradient_of_the_weights(device):
    check_op(
        lambda x, w: gp.cov(x, aweights=w), lambda x, w: np.cov(x, aweights=w), [A, SHARES], device, gradient_rtol=1e-5
    )


def test_corrcoef(device):
    check_op(gp.corrcoef, np.corrcoef, [A], device, rtol=1e-11, gradient_rtol=1e-5)
    check_dtypes(lambda x: x.corrcoef(), np.corrcoef, [A], device, names=["float32"], factor=2)
    assert gp.corrcoef(gp.tensor([1.0, 2.0, 4.0], device=device)).item() == 1
    assert gp.tensor([2.0, 2.0], device=device).corrcoef().isnan().item()


def test_too_few_observations(device):
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert gp.cov(gp.tensor([3.0], device=device)).isnan().item()


def test_errors():
    x = gp.ones(2, 3)
    cases = [
        (ShapeError, "two or fewer dimensions", {"input": gp.ones(1, 2, 3)}),
        (DtypeError, "bool dtype is not supported", {"input": x.bool()}),
        (DtypeError, "expected fweights to have integral dtype", {"input": x, "fweights": gp.ones(3)}),
        (DtypeError, "expected aweights to have floating point dtype", {"input": x, "aweights": gp.ones(3).long()}),
        (ShapeError, "3 numel vs|2 numel vs 3 observations", {"input": x, "aweights": gp.ones(2)}),
        (ShapeError, "one or fewer dimensions", {"input": x, "aweights": gp.ones(3, 1)}),
        (ArgumentError, "fweights cannot be negative", {"input": x, "fweights": gp.tensor([1, -1, 1])}),
        (ArgumentError, "weights sum to zero", {"input": x, "aweights": gp.zeros(3)}),
    ]
    for error, words, given in cases:
        with pytest.raises(error, match=words):
            gp.cov(**given)
    with pytest.raises(ShapeError, match=r"corrcoef\(\): expected input to have two or fewer dimensions"):
        gp.corrcoef(gp.ones(1, 2, 3))
