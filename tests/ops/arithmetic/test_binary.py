import numpy as np
import pytest

import gpunn as gp
from tests.harness import check_dtypes, check_op

SHAPES = [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((0, 3), (1, 3))]


@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize(("op", "reference"), [(gp.add, np.add), (gp.mul, np.multiply)])
def test_binary(op, reference, shapes, device):
    check_op(op, reference, shapes, device)
    check_dtypes(op, reference, shapes, device)
