import re

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import UnsupportedError
from gpunn.kernels.source import kernel_file
from gpunn.ops.loss.formulas import FORMULAS, Formula, LogisticLoss
from tests.harness import check_op


def test_the_kernel_numbers_the_formulas_alike():
    cases = re.findall(r"case (\d+):\s*return body\((\w+)\{", kernel_file("loss/pointwise").text)
    assert cases == [(str(i), formula.__name__) for i, formula in enumerate(FORMULAS)]


def test_logistic_loss(device):
    check_op(LogisticLoss(), lambda x: np.logaddexp(0, -x), [np.array([-800.0, -2, 0, 3, 800])], device)


def test_a_formula_says_what_it_lacks():
    with pytest.raises(UnsupportedError, match="Formula has no value"):
        Formula().value(np.ones(1), np.ones(1), None)
    with pytest.raises(UnsupportedError, match="Formula has no derivative"):
        Formula().dt(gp.ones(1), gp.ones(1), None)
