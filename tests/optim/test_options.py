import pytest

import gpunn as gp
from gpunn.optim.options import check_betas, check_not_negative


def test_options_are_not_negative():
    check_not_negative("SGD", {"lr": 0.0, "momentum": gp.tensor(0.5)}, "lr", "momentum")
    for value in (-1.0, float("nan"), gp.tensor(-1.0)):
        with pytest.raises(ValueError, match="SGD: Invalid learning rate: "):
            check_not_negative("SGD", {"lr": value}, "lr")
    with pytest.raises(ValueError, match="SGD: Invalid momentum value: -1"):
        check_not_negative("SGD", {"momentum": -1}, "momentum")
    with pytest.raises(ValueError, match="SGD: Tensor lr must be 1-element"):
        check_not_negative("SGD", {"lr": gp.ones(2)}, "lr")


def test_betas_lie_in_the_unit_interval():
    check_betas("Adam", {"betas": (0.0, gp.tensor(0.5))})
    with pytest.raises(ValueError, match=r"Adam: Invalid beta parameter at index 1: 1\.0"):
        check_betas("Adam", {"betas": (0.5, 1.0)})
