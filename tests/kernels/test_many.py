import numpy as np
import pytest

from gpunn.backend import cuda_module
from gpunn.kernels import many
from tests.conftest import computing_on


@pytest.fixture
def cupy():
    with computing_on("emulated"):
        yield cuda_module()


def test_pieces_cover_each_array_once(cupy):
    sizes = [0, 1, many.PIECE, many.PIECE + 1, 3 * many.PIECE - 1]
    plan = many.plan([cupy.empty(size, np.int8) for size in sizes])
    assert plan.sizes.get().tolist() == sizes
    assert plan.pieces.get().tolist() == [[1, 0], [2, 0], [3, 0], [3, 1], [4, 0], [4, 1], [4, 2]]
    assert (plan.number, plan.blocks, plan.threads) == (7, 7, 7 * many.BLOCK)


def test_a_plan_depends_on_sizes_only(cupy):
    a, b = cupy.zeros((2, 3), np.float32), cupy.zeros(6, np.float64)
    assert many.plan([a]) is many.plan([b])
    assert many.plan([cupy.zeros(0)]).threads == 0
    assert many.plan([cupy.zeros(many.PIECE * 2000, np.int8)]).blocks == many.MOST_BLOCKS


def test_tables_of_addresses(cupy):
    a = cupy.zeros(3)
    assert many.addresses([a, None, a[1:]]) == (a.data.ptr, 0, a.data.ptr + 8)
    table = many.table((5, 7), a)
    assert table.dtype == np.int64 and table.get().tolist() == [5, 7]


def test_dense_arrays(cupy):
    x = cupy.zeros((4, 3, 2))
    assert many.is_dense(x) and many.is_dense(x.transpose(2, 0, 1)) and many.is_dense(x[:1, :, :])
    assert not many.is_dense(x[:, :2]) and not many.is_dense(x[::2])


def test_layouts(cupy):
    x = cupy.asarray(np.arange(24.0).reshape(4, 3, 2))
    turned = cupy.ascontiguousarray(x.transpose(2, 1, 0)).transpose(2, 1, 0)
    assert many.laid_out_as(x, x.copy()) is x
    moved = many.laid_out_as(x, turned)
    assert moved.strides == turned.strides and moved.get().tolist() == x.get().tolist()
    assert many.is_laid_out_as(x.reshape(1, 24), x.reshape(24, 1).transpose(1, 0))
