"""Pooling one window at a time, in any number of dimensions: what the tests compare with."""

import itertools

import numpy as np


def each(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def windows(shape, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each of the last axes, for each window: the positions inside, and its length with padding."""
    rank = len(each(kernel_size, 1)) if not isinstance(kernel_size, int) else len(shape) - 2
    axes = []
    numbers = (each(v, rank) for v in (kernel_size, stride or kernel_size, padding, dilation))
    for n, k, s, p, d in zip(shape[-rank:], *numbers, strict=True):
        reach = d * (k - 1) + 1
        out = int((np.ceil if ceil_mode else np.floor)((n + 2 * p - reach) / s)) + 1
        if ceil_mode and (out - 1) * s >= n + p:
            out -= 1
        starts = [i * s - p for i in range(out)]
        axes.append([([r for r in range(a, a + reach, d) if 0 <= r < n], min(a + reach, n + p) - a) for a in starts])
    return axes


def parts(shape, output_size):
    """The same for adaptive pooling."""
    axes = []
    for n, out in zip(shape[-len(output_size) :], output_size, strict=True):
        ends = [(p * n // n if out is None else p * n // out, p) for p in range(n if out is None else out)]
        count = n if out is None else out
        axes.append([(list(range(a, -(-(p + 1) * n // count))), -(-(p + 1) * n // count) - a) for a, p in ends])
    return axes


def pooled(x, axes, f):
    """f(values, positions, size) for each window: its elements in order, their places in the flattened plane."""
    rank = len(axes)
    lead = x.shape[: x.ndim - rank]
    planes = x.reshape(-1, int(np.prod(x.shape[x.ndim - rank :])))
    out = [len(axis) for axis in axes]
    found = np.zeros((len(planes), *out))
    for where in itertools.product(*map(range, out)):
        seen = [axes[i][p][0] for i, p in enumerate(where)]
        flat = [int(np.ravel_multi_index(at, x.shape[x.ndim - rank :])) for at in itertools.product(*seen)]
        size = int(np.prod([axes[i][p][1] for i, p in enumerate(where)]))
        for row, plane in enumerate(planes):
            found[(row, *where)] = f(plane[flat], flat, size)
    return found.reshape(*lead, *out)


def largest(values, flat, size):
    return values.max()


def place_of_largest(values, flat, size):
    return flat[int(values.argmax())]


def mean(values, flat, size):
    return values.sum() / size


def mean_inside(values, flat, size):
    return values.sum() / len(values)


def median(values, flat, size):
    return np.nan if np.isnan(values).any() else np.sort(values)[(len(values) - 1) // 2]


def norm(p, whole):
    return lambda values, flat, size: (np.sum(values**p) / size * whole) ** (1 / p)
