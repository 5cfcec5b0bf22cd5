import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.ops.shape.dims import distinct_dims, inferred_shape, ints, new_shape, of_each, one_dim, several_dims


@pytest.mark.parametrize(("dim", "rank", "wanted"), [(0, 3, 0), (-1, 3, 2), (-3, 3, 0), (0, 0, 0), (-1, 0, 0)])
def test_one_dim(dim, rank, wanted):
    assert one_dim("f", dim, rank) == wanted


@pytest.mark.parametrize(("dim", "rank"), [(3, 3), (-4, 3), (1, 0)])
def test_one_dim_out_of_range(dim, rank):
    with pytest.raises(IndexError, match=rf"f: Dimension out of range .*{dim}"):
        one_dim("f", dim, rank)


@pytest.mark.parametrize("dim", [1.0, "a", True, None])
def test_one_dim_is_an_int(dim):
    with pytest.raises(ArgumentTypeError, match="f: dim must be an int"):
        one_dim("f", dim, 3)


def test_a_tensor_as_a_dim_holds_an_integer():
    assert one_dim("f", gp.tensor(1), 3) == 1
    with pytest.raises(TypeError, match="only integer tensors"):
        one_dim("f", gp.tensor(1.0), 3)


@pytest.mark.parametrize(
    ("dim", "rank", "wanted"),
    [(None, 3, (0, 1, 2)), (-1, 3, (2,)), ((2, 0), 3, (2, 0)), ((), 2, (0, 1)), (0, 0, ()), ((0,), 0, ())],
)
def test_several_dims(dim, rank, wanted):
    assert several_dims("f", dim, rank) == wanted


def test_dims_are_distinct():
    assert distinct_dims("f", (), 3) == ()
    with pytest.raises(ArgumentError, match="appears multiple times"):
        several_dims("f", (0, -3), 3)


def test_ints():
    assert ints("f", "size", 3) == (3,)
    assert ints("f", "size", [2, gp.tensor(5)]) == (2, 5)
    assert ints("f", "size", range(2)) == (0, 1)
    for wrong in (2.0, (1, 2.5), "ab", None, True, (2, False)):
        with pytest.raises(ArgumentTypeError, match="f: size must be ints"):
            ints("f", "size", wrong)
    with pytest.raises(ArgumentTypeError):
        ints("f", "size", 3, also_one=False)


def test_new_shape():
    assert new_shape("f", (2, 3)) == new_shape("f", ((2, 3),)) == new_shape("f", (), [2, 3]) == (2, 3)
    assert new_shape("f", ((),)) == ()
    assert new_shape("f", (4,)) == (4,)
    with pytest.raises(ShapeError, match="negative dimension -1"):
        new_shape("f", (2, -1))
    with pytest.raises(ArgumentTypeError, match="missing"):
        new_shape("f", ())
    with pytest.raises(ArgumentTypeError, match="give one of them"):
        new_shape("f", (2,), (3,))


@pytest.mark.parametrize(
    ("shape", "numel", "wanted"),
    [((2, 3), 6, (2, 3)), ((-1, 3), 6, (2, 3)), ((), 1, ()), ((-1,), 0, (0,)), ((0, 2), 0, (0, 2))],
)
def test_inferred_shape(shape, numel, wanted):
    assert inferred_shape("f", shape, numel) == wanted


@pytest.mark.parametrize(
    ("shape", "numel", "words"),
    [
        ((4,), 6, r"shape '\[4\]' is invalid for input of size 6"),
        ((-1, 4), 6, "is invalid for input of size 6"),
        ((-1, -1), 6, "only one dimension can be inferred"),
        ((-2, -3), 6, "invalid shape dimension -2 at index 0"),
        ((-1, 0), 0, "ambiguous"),
        ((-1, 0), 6, "is invalid for input of size 6"),
    ],
)
def test_inferred_shape_errors(shape, numel, words):
    with pytest.raises(ShapeError, match=words):
        inferred_shape("f", shape, numel)


@pytest.mark.parametrize("size", [(1 << 60,), (1 << 63, 0), (1 << 40, 1 << 20)])
@pytest.mark.parametrize("make", [gp.zeros, gp.empty, gp.rand])
def test_sizes_that_no_memory_holds(make, size):
    with pytest.raises(ShapeError, match="Storage size calculation overflowed"):
        make(size)


def test_one_for_each_dimension():
    assert of_each(3, 2) == (3, 3)
    assert of_each([1, 2], 3) == (1, 2) and of_each(iter((1, 2)), 2) == (1, 2)
