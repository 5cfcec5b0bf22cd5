import numpy as np
import pytest

import gpunn as gp

A = np.array([[3.0, -1.0, 2.0], [0.5, 4.0, -2.5]])

CASES = [
    (np.sum, {}),
    (np.sum, {"axis": 0}),
    (np.mean, {"axis": 1, "keepdims": True}),
    (np.prod, {"axis": 0}),
    (np.max, {}),
    (np.amin, {"axis": 0}),
    (np.argmax, {"axis": 1}),
    (np.var, {}),
    (np.std, {"axis": 0, "ddof": 1}),
    (np.cumsum, {"axis": 1}),
    (np.sort, {"axis": 0}),
    (np.argsort, {}),
    (np.transpose, {}),
    (np.transpose, {"axes": (1, 0)}),
    (np.expand_dims, {"axis": 1}),
    (np.expand_dims, {"axis": (0, 3)}),
    (np.squeeze, {}),
    (np.ravel, {}),
    (np.flip, {"axis": 1}),
    (np.clip, {"a_min": 0.0, "a_max": 2.0}),
    (np.repeat, {"repeats": 2, "axis": 1}),
    (np.tril, {}),
    (np.trace, {}),
    (np.copy, {}),
    (np.nan_to_num, {}),
    (np.zeros_like, {}),
    (np.shape, {}),
    (np.ndim, {}),
    (np.size, {}),
    (np.linalg.norm, {}),
    (np.add.reduce, {}),
    (np.maximum.reduce, {"axis": 1}),
    (np.arctan2, {}),
]


@pytest.mark.parametrize(("function", "options"), CASES, ids=lambda v: getattr(v, "__name__", str(v)))
def test_functions_agree_with_numpy(function, options):
    extra = (A,) if function is np.arctan2 else ()
    x = gp.tensor(A)
    found = function(x, *[gp.tensor(a) for a in extra], **options)
    wanted = function(A, *extra, **options)
    if isinstance(found, gp.Tensor):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)
    else:
        assert found == wanted


def test_functions_of_several_tensors():
    x, y = gp.tensor(A), gp.tensor(A + 1)
    np.testing.assert_array_equal(np.concatenate([x, y], axis=1).numpy(), np.concatenate([A, A + 1], axis=1))
    np.testing.assert_array_equal(np.stack((x, A)).numpy(), np.stack((A, A)))
    np.testing.assert_array_equal(np.where(x > 0, x, y).numpy(), np.where(A > 0, A, A + 1))
    np.testing.assert_allclose(np.einsum("ij,kj->ik", x, y).numpy(), np.einsum("ij,kj->ik", A, A + 1))
    np.testing.assert_allclose(np.dot(x[0], y[0]).numpy(), np.dot(A[0], A[0] + 1))
    assert np.allclose(x, x) and np.array_equal(x, x)


def test_functions_differentiate():
    x = gp.tensor(A, requires_grad=True)
    np.sum(np.concatenate([x, x * x])).backward()
    np.testing.assert_allclose(x.grad.numpy(), 1 + 2 * A)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.fft.fft(x),
        lambda x: np.histogram2d(x, x),
        lambda x: np.add.accumulate(x),
        lambda x: np.spacing(x),
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.sum(x, initial=1.0),
    ],
)
def test_what_has_no_counterpart_says_so(call):
    with pytest.raises(TypeError, match=r"numpy\..*(no counterpart|not supported)"):
        call(gp.tensor(A))
