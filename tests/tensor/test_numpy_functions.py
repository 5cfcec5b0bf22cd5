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
    (np.max, {"axis": 1}),
    (np.min, {"axis": 0, "keepdims": True}),
    (np.median, {}),
    (np.median, {"axis": 1, "keepdims": True}),
    (np.round, {"decimals": 1}),
    (np.around, {}),
    (np.cumsum, {}),
    (np.cumprod, {"axis": None}),
    (np.sort, {"axis": None}),
    (np.argsort, {"axis": None}),
    (np.expand_dims, {"axis": (-2, -1)}),
    (np.tril, {"k": 1}),
    (np.diagonal, {"axis1": 1, "axis2": 0}),
    (np.linalg.norm, {"ord": 1}),
    (np.linalg.norm, {"ord": 2}),
    (np.linalg.norm, {"ord": 3, "axis": 1}),
    (np.add.reduce, {"axis": None}),
    (np.degrees, {}),
    (np.radians, {}),
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
    np.testing.assert_array_equal(np.concatenate([x, y], axis=None).numpy(), np.concatenate([A, A + 1], axis=None))
    for options in ({}, {"indexing": "ij"}):
        for found, wanted in zip(
            np.meshgrid(x[0], x[:, 0], **options), np.meshgrid(A[0], A[:, 0], **options), strict=True
        ):
            np.testing.assert_array_equal(found.numpy(), wanted)


def test_of_integers():
    x = gp.tensor([[1, 2], [3, 4]])
    assert np.median(x).item() == 2.5 and np.round(x, 0).tolist() == x.tolist()
    assert np.left_shift(x, 2).tolist() == [[4, 8], [12, 16]] and np.right_shift(x, x).tolist() == [[0, 0], [0, 0]]


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
        lambda x: np.add(x, x, where=A > 0),
        lambda x: np.add(x, x, out=x),
    ],
)
def test_what_has_no_counterpart_says_so(call):
    with pytest.raises(TypeError, match=r"numpy\..*(no counterpart|not supported)"):
        call(gp.tensor(A))


def test_what_stands_elsewhere_in_pytorch_goes_by_name_only():
    x = gp.tensor(A)
    np.testing.assert_array_equal(np.sum(x, 0, dtype=np.float32).numpy(), np.sum(A, 0, dtype=np.float32))
    with pytest.raises(TypeError, match=r"numpy\.sum: on tensors, give all arguments behind axis by name"):
        np.sum(x, 0, np.float32)
