import inspect

import pytest

from gpunn.nn import functional

NAMES = [
    *("relu", "relu_", "tanh", "sigmoid", "softmax", "log_softmax", "softmin", "dropout", "linear", "conv2d"),
    *("max_pool2d", "avg_pool2d", "batch_norm", "one_hot", "cross_entropy", "nll_loss", "mse_loss", "l1_loss"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits"),
]


@pytest.mark.parametrize("name", NAMES)
def test_has_the_operation_under_its_name(name):
    function = getattr(functional, name)
    assert callable(function) and function.__name__ == name and inspect.getdoc(function)


def test_has_nothing_else():
    public = {name for name in dir(functional) if not name.startswith("_")}
    assert set(NAMES) <= public
    assert all(callable(getattr(functional, name)) for name in public)
