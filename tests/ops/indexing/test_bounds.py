import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import IndexRangeError
from gpunn.ops.indexing.bounds import Check, check_bounds, check_index


def test_what_is_in_range_passes():
    check_bounds("op", np.array([0, 2]), 1, 3)
    check_bounds("op", np.array([-3, 2]), 1, 3, negative=True)
    check_bounds("op", np.zeros(0, int), 1, 0)
    Check("op", (0, 2), negative=True).run([np.array([0, -2]), np.array(4)], (2, 5))


@pytest.mark.parametrize(
    ("values", "negative", "words"),
    [
        ([0, 3, 4], False, "op: index 3 at position 1 is out of bounds for dimension 2 with size 3"),
        ([[0, 1], [-1, 5]], False, r"index -1 at position \(1, 0\) is out of bounds"),
        ([-3, -4], True, "index -4 at position 1 is out of bounds"),
        (7, True, "index 7 is out of bounds for dimension 2"),
        ([0], False, None),
    ],
)
def test_the_first_offender_is_named(values, negative, words):
    if words is None:
        with pytest.raises(IndexRangeError, match="with size 0"):
            check_bounds("op", np.array(values), 0, 0)
        return
    for error in (IndexError, RuntimeError):  # PyTorch raises either
        with pytest.raises(error, match=words):
            check_bounds("op", np.array(values), 2, 3, negative=negative)
        with pytest.raises(error, match=words):
            Check("op", (2,), negative).run([np.array(values)], [3])


def test_check_index():
    check_index("op", gp.tensor([1]))
    check_index("op", gp.tensor([1], dtype=gp.int32), "int32 int64")
    with pytest.raises(RuntimeError, match=r"op: Expected dtype int64 for index, got int32; use index.long\(\)"):
        check_index("op", gp.tensor([1], dtype=gp.int32))
    with pytest.raises(TypeError, match="the index must be a Tensor, got list"):
        check_index("op", [1])


X = np.arange(1.0, 7).reshape(2, 3)
LATE = {  # on x = [[1, 2, 3], [4, 5, 6]]: what is called, words of the error, what comes out on a GPU
    "x[i]": (
        lambda x, i: x[i([1, -2, 2])],
        "index: index 2 at position 2 .* dimension 0 with size 2",
        [X[1], X[0], 0 * X[0]],
    ),
    "x[i, j]": (
        lambda x, i: x[i([1, 0]), i([-1, -4])],
        "index: index -4 at position 1 is out of bounds for dimension 1 with size 3",
        [6, 0],
    ),
    "x[:, i]": (lambda x, i: x[:, i([3])], "index: index 3 at position 0 .* dimension 1 with size 3", [[0], [0]]),
    "x[i] = v": (
        lambda x, i: x.__setitem__(i([0, -3]), gp.tensor(7.0, device=x.device)) or x,
        "setitem: index -3 at position 1 .* size 2",
        [[7, 7, 7], X[1]],
    ),
    "take": (lambda x, i: x.take(i([[-1], [6]])), r"take: index 6 at position \(1, 0\) .* size 6", [[6], [0]]),
    "gather": (
        lambda x, i: x.gather(1, i([[2, 0], [-1, 3]])),
        r"gather: index -1 at position \(1, 0\) .* dimension 1 with size 3",
        [[3, 1], [0, 0]],
    ),
    "gather of a vector": (
        lambda x, i: x.gather(0, i([[1], [2]]).expand(2, 3)),
        r"gather: index 2 at position \(1, 0\) .* dimension 0",
        [X[1], 0 * X[0]],
    ),
    "take_along_dim": (
        lambda x, i: x.take_along_dim(i([[-3], [-4]]), 1),
        r"take_along_dim: index -4 at position \(1, 0\)",
        [[1], [0]],
    ),
    "index_select": (
        lambda x, i: x.index_select(1, i([0, -1])),
        "index_select: index -1 at position 1",
        [[1, 0], [4, 0]],
    ),
    "index_add": (
        lambda x, i: x.index_add(0, i([2, 1]), gp.ones_like(x)),
        "index_add: index 2 at position 0",
        [X[0], X[1] + 1],
    ),
    "index_copy": (
        lambda x, i: x.index_copy(0, i([-1, 1]), gp.ones_like(x)),
        "index_copy: index -1",
        [X[0], 0 * X[1] + 1],
    ),
    "index_fill": (
        lambda x, i: x.index_fill(0, i([-1, 2]), 9),
        "index_fill: index 2 at position 1",
        [X[0], 0 * X[1] + 9],
    ),
    "index_put": (
        lambda x, i: x.index_put((i([-1, 5]),), gp.tensor(1.0, device=x.device), accumulate=True),
        "index_put: index 5 at position 1",
        [X[0], X[1] + 1],
    ),
    "put": (
        lambda x, i: x.put(i([-7, 0]), gp.zeros(2, device=x.device)),
        "put: index -7 at position 0",
        [[0, 2, 3], X[1]],
    ),
    "scatter": (lambda x, i: x.scatter(1, i([[3, 0]]), 9), r"scatter: index 3 at position \(0, 0\)", [[9, 2, 3], X[1]]),
    "scatter_add": (
        lambda x, i: x.scatter_add(1, i([[-1, 0]]), gp.ones_like(x)),
        r"scatter_add: index -1 at position \(0, 0\)",
        [[2, 2, 3], X[1]],
    ),
    "scatter_reduce": (
        lambda x, i: x.scatter_reduce(1, i([[5, 0]]), 9 * gp.ones_like(x), "amax"),
        r"scatter_reduce: index 5 at position \(0, 0\)",
        [[9, 2, 3], X[1]],
    ),
}


ONLY_INT64 = ("take", "take_along_dim", "put", "index_copy", "index_fill")


@pytest.mark.parametrize(
    ("name", "dtype"), [(n, d) for n in LATE for d in ("int64", "int32") if d == "int64" or n not in ONLY_INT64]
)
def test_out_of_bounds(name, dtype, device):
    """At once on the CPU, with the next copy to the host on a GPU: there 0 is read, and nothing is written."""
    call, words, wanted = LATE[name]
    x = gp.tensor(X, dtype=gp.float32, device=device)
    results = []
    with pytest.raises(IndexRangeError, match=words):
        results.append(call(x, lambda values: gp.tensor(values, dtype=getattr(gp, dtype), device=device)))
        results[0].cpu()
    if results:
        np.testing.assert_array_equal(results[0].cpu().numpy(), wanted)
    if name != "x[i] = v":
        assert x.tolist() == X.tolist()


@pytest.mark.parametrize(
    "call", [lambda x, i: x[i], lambda x, i: x.index_add(0, i, x[:1]), lambda x, i: x[:0].t()[:, i]]
)
@pytest.mark.parametrize("shape", [(3, 0), (0, 3)])
def test_out_of_bounds_of_nothing(call, shape, device):
    x, index = gp.zeros(shape, device=device), gp.tensor([5], device=device)
    with pytest.raises((IndexRangeError, RuntimeError)):
        call(x, index).cpu()
