import numpy as np

from gpunn.ops.indexing import rows_cuda, rows_numpy
from gpunn.ops.indexing.scattering import Scattering, write


def test_rows_of_several_elements():
    out = np.zeros((2, 3, 2))
    write(rows_numpy, "assign", out, np.array([[4], [1]]), 2, np.array([[[1.0, 2]], [[3, 4]]]))
    assert out.reshape(6, 2).tolist() == [[0, 0], [3, 4], [0, 0], [0, 0], [1, 2], [0, 0]]


def test_one_number_for_all():
    out = np.ones(4)
    write(rows_numpy, "sum", out, np.array([1, 1, 3]), 1, np.array(2.0))
    assert out.tolist() == [1, 5, 1, 3]
    write(rows_numpy, "assign", out, np.array([0]), 1, np.array(7.0))
    assert out.tolist() == [7, 5, 1, 3]


def test_nothing_to_write():
    for shape, key in (((3, 0), np.array([1])), ((0, 3), np.zeros(0, int)), ((3,), np.zeros(0, int))):
        out = np.ones(shape)
        write(rows_numpy, "sum", out, key, int(np.prod(shape[1:])), np.ones((len(key), *shape[1:])))
        assert out.shape == shape
        assert (out == 1).all()


def test_each_device_gets_its_own_rows(device):
    import gpunn as gp

    class Which(Scattering):
        def scatter(self, rows, x):
            self.used = rows
            return x

    node = Which()
    node(gp.tensor([1.0], device=device))
    assert node.used is (rows_numpy if device == "cpu" else rows_cuda)
