"""What rows_numpy and rows_cuda must do, said with a loop over the rows."""

import numpy as np

UFUNCS = {"sum": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
CASES = [(5, 7, 3), (1, 6, 2), (4, 0, 2), (9, 1, 1), (30, 8, 2), (300, 8, 2), (300, 9, 1), (3, 40, 1)]  # n, m, d


def data(n, m, d, dtype, seed=0):
    """A target (n, d), keys (m,) in [0, n), rows (m, d)."""
    rng = np.random.default_rng(seed)
    target, rows = (rng.integers(-4, 5, (k, d)) + 0.5 for k in (n, m))
    return target.astype(dtype), rng.integers(0, n, m), rows.astype(dtype)


def assigned(target, key, rows):
    """`target` after all rows were written, one after the other."""
    out = target.copy()
    for k, row in zip(key, rows, strict=True):
        out[k] = row
    return out


def combined(how, target, key, rows):
    """`target` combined with all rows in float64, one after the other."""
    out = target.astype(np.float64)
    for k, row in zip(key, rows.astype(np.float64), strict=True):
        out[k] = UFUNCS[how](out[k], row)
    return out
