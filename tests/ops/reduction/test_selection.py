import numpy as np
import pytest

import gpunn as gp
from gpunn import backend
from gpunn.ops.reduction.selection import Pick, Place, Selection
from tests.harness import check_op

INDEX = np.array([[2, 0], [1, 3]])


class Chosen(Selection):
    """Elements at given places."""

    def choose(self, x):
        return backend.to_device(INDEX[:1, :1] if x.ndim == 2 and not self.keepdim else INDEX, gp.Tensor(x).device)


def test_values_indices_and_derivatives(device):
    check_op(Chosen(1), lambda x: (np.take_along_axis(x, INDEX, 1), INDEX), [(2, 4)], device)


def test_without_keepdim_the_dimension_is_dropped(device):
    check_op(Chosen(1, keepdim=False), lambda x: (x[:, 2], [2]), [(1, 4)], device)


def test_place_and_pick_are_each_others_gradient(device):
    index = backend.to_device(INDEX, backend.device(device))

    def placed(values):
        result = np.zeros((2, 4))
        np.put_along_axis(result, INDEX, values, 1)
        return result

    check_op(lambda v: Place(1, (2, 4))(v, index), placed, [(2, 2)], device)
    check_op(lambda x: Pick(1, (2, 2))(x, index), lambda x: np.take_along_axis(x, INDEX, 1), [(2, 4)], device)


def test_a_selection_that_does_not_choose_says_so():
    with pytest.raises(NotImplementedError, match="Selection has no forward"):
        Selection(0)(gp.zeros(2))
