import re

import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import UnsupportedError
from gpunn.kernels.source import kernel_file
from gpunn.ops.loss.formulas import Formula, LogisticLoss
from tests.harness import check_op


def test_the_kernel_has_a_loss_for_each_formula():
    formulas = [f.__name__ for f in Formula.__subclasses__()]
    assert [c["LOSS"] for c in kernel_file("loss/pointwise").configurations() if c["T"] == "float"] == formulas
    assert re.findall(r"struct (\w+) : Numbers", kernel_file("loss/pointwise").text) == formulas


def test_logistic_loss(device):
    check_op(LogisticLoss(), lambda x: np.logaddexp(0, -x), [np.array([-800.0, -2, 0, 3, 800])], device)


def test_a_formula_says_what_it_lacks():
    with pytest.raises(UnsupportedError, match="Formula has no value"):
        Formula().value(np.ones(1), np.ones(1), None)
    with pytest.raises(UnsupportedError, match="Formula has no derivative"):
        Formula().dt(gp.ones(1), gp.ones(1), None)
