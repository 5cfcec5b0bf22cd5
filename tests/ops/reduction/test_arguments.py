import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentTypeError, IndexRangeError, UnsupportedError
from gpunn.ops.reduction.arguments import array_of, numpy_names, refuse_dtypes, refuse_empty

X = np.arange(6.0).reshape(2, 3)


@numpy_names
def recorder(input, dim=None, keepdim=False):
    """What came in."""
    return input, dim, keepdim


def test_numpy_names_translates():
    assert recorder(1, axis=2, keepdims=True) == (1, 2, True)
    assert recorder(1, 2, keepdims=True) == (1, 2, True)
    assert recorder(1, 2, True) == (1, 2, True)
    assert recorder.__doc__ == "What came in."


def test_numpy_names_refuses_both():
    with pytest.raises(ArgumentTypeError, match=r"recorder: two names for one argument in \['axis', 'dim'\]"):
        recorder(1, axis=2, dim=2)


def test_unknown_arguments_stay_unknown():
    with pytest.raises(TypeError, match="axes"):
        gp.sum(gp.tensor(X), axes=0)


AXIS = [gp.sum, gp.mean, gp.nansum, gp.nanmean, gp.prod, gp.amax, gp.amin, gp.argmax, gp.argmin, gp.all, gp.any]
AXIS += [gp.var, gp.std, gp.logsumexp]


@pytest.mark.parametrize("op", AXIS)
def test_axis_and_keepdims(op):
    x = gp.tensor(X)
    found = op(x, axis=1, keepdims=True)
    wanted = op(x, 1, keepdim=True)
    assert found.shape == (2, 1)
    assert gp.equal(found, wanted)


PAIRS = [gp.max, gp.min, gp.median, gp.nanmedian, gp.mode]


@pytest.mark.parametrize("op", PAIRS)
def test_axis_and_keepdims_of_pairs(op):
    found = op(gp.tensor(X), axis=1, keepdims=True)
    assert isinstance(found, getattr(gp.return_types, op.__name__))
    assert found.values.shape == found.indices.shape == (2, 1)


ALONG = [gp.cumsum, gp.cumprod, gp.logcumsumexp, gp.argsort, gp.count_nonzero, gp.diff, gp.trapezoid]


@pytest.mark.parametrize("op", ALONG)
def test_axis_alone(op):
    assert gp.equal(op(gp.tensor(X), axis=0), op(gp.tensor(X), dim=0))


@pytest.mark.parametrize("op", [gp.cummax, gp.cummin, gp.sort])
def test_axis_alone_of_pairs(op):
    assert gp.equal(op(gp.tensor(X), axis=0).values, op(gp.tensor(X), dim=0).values)


EVERY = [*AXIS, *PAIRS, *ALONG, gp.cummax, gp.cummin, gp.sort, gp.max, gp.unique, gp.norm, gp.bincount, gp.histc]
EVERY += [gp.quantile, gp.nanquantile, gp.topk, gp.kthvalue, gp.aminmax]


@pytest.mark.parametrize("op", EVERY)
def test_only_tensors(op):
    needed = {gp.logsumexp: [0], gp.cumsum: [0], gp.cumprod: [0], gp.logcumsumexp: [0], gp.cummax: [0]}
    needed |= {gp.cummin: [0], gp.topk: [1], gp.kthvalue: [1], gp.quantile: [0.5], gp.nanquantile: [0.5]}
    with pytest.raises(TypeError, match=f"{op.__name__}: argument 'input' must be a Tensor, not ndarray"):
        op(X, *needed.get(op, []))


def test_array_of():
    x = gp.tensor(X)
    assert array_of("f", x) is x.array


def test_refuse_empty():
    refuse_empty("f", (), (0,))
    refuse_empty("f", (2, 0), (0,))
    with pytest.raises(IndexRangeError, match=r"f: Expected reduction dim 1 to have non-zero size.*\(2, 0\)"):
        refuse_empty("f", (2, 0), (0, 1))


def test_refuse_dtypes():
    refuse_dtypes("f", X, gp.bool)
    with pytest.raises(UnsupportedError, match=r"f: not implemented for gpunn.float64"):
        refuse_dtypes("f", X, gp.bool, gp.float64)
