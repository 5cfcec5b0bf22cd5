"""The norms in float64, as the tests expect them; and gradients in lower precision."""

import numpy as np

import gpunn as gp
from gpunn import backend


def standardised(x, axes, eps):
    """(x - mean) / √(var + eps) over `axes`."""
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def affine(y, weight=None, bias=None, dim=1):
    """y · weight + bias, one of each for the places along `dim`, or for the last dimensions if that is None."""

    def spread(v):
        return v if dim is None else np.reshape(v, (-1, *[1] * (y.ndim - 1 - dim)))

    y = y if weight is None else y * spread(weight)
    return y if bias is None else y + spread(bias)


def grouped(x, groups, eps=1e-2):
    """Each group of channels of each image standardised."""
    parts = x.reshape(x.shape[0], groups, -1)
    return standardised(parts, 2, eps).reshape(x.shape)


def gradients(op, arrays, dtypes, device, channels_last=False):
    """The gradients of Σ op(…) · v by all inputs, rounded to `dtypes` before, in float64; v is fixed."""
    inputs = [gp.tensor(a, dtype=t, device=device) for a, t in zip(arrays, dtypes, strict=True)]
    if channels_last:
        inputs[0] = inputs[0].contiguous(memory_format=gp.channels_last)
    leaves = [t.requires_grad_() for t in inputs]
    y = op(*leaves)
    v = np.random.default_rng(5).choice([-1.0, 0.5, 2.0], y.shape)  # of few bits, so that no type rounds it
    found = gp.autograd.grad([y], leaves, [gp.tensor(v, dtype=y.dtype, device=device)])
    for x, g in zip(leaves, found, strict=True):
        assert g.dtype is x.dtype and g.shape == x.shape
    if channels_last:
        assert found[0].is_contiguous(memory_format=gp.channels_last)
    return [backend.asnumpy(g.array).astype(np.float64) for g in found]


def check_gradients(op, shapes, device, *, channels_last=False, factor=1.0):
    """Gradients in each lower precision, also with parameters in float32 beside half types, against float64."""
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s) for s in shapes]
    for name, limit in (("float32", 2e-5), ("float16", 1e-2), ("bfloat16", 6e-2)):
        dtype = getattr(gp, name)
        rounded = [a.astype(dtype.numpy).astype(np.float64) for a in arrays]
        wanted = gradients(op, rounded, [gp.float64] * len(arrays), "cpu")
        for others in {dtype, gp.float32} if len(arrays) > 1 else {dtype}:
            found = gradients(op, rounded, [dtype, *[others] * (len(arrays) - 1)], device, channels_last)
            for mine, theirs in zip(found, wanted, strict=True):
                scale = max(1.0, np.abs(theirs).max())
                np.testing.assert_allclose(mine, theirs, rtol=limit * factor, atol=limit * factor * scale, err_msg=name)
