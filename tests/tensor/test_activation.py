import pytest

import gpunn as gp

F = gp.nn.functional


@pytest.mark.parametrize(
    ("method", "function"),
    [
        (lambda x: x.relu(), F.relu),
        (lambda x: x.clone().relu_(), F.relu),
        (lambda x: x.softmax(1), lambda x: F.softmax(x, 1)),
        (lambda x: x.softmax(dim=0, dtype=gp.float64), lambda x: F.softmax(x, 0, dtype=gp.float64)),
        (lambda x: x.log_softmax(-1), lambda x: F.log_softmax(x, -1)),
    ],
)
def test_method(method, function, device):
    x = gp.randn(3, 4, device=device)
    found, wanted = method(x), function(x)
    assert found.dtype is wanted.dtype and found.tolist() == wanted.tolist()


def test_relu_in_place_keeps_the_tensor():
    x = gp.tensor([-1.0, 2.0])
    assert x.relu_() is x and x.tolist() == [0, 2]


@pytest.mark.parametrize("name", ["relu", "relu_", "softmax", "log_softmax"])
def test_public_functions(name):
    x = gp.tensor([[-1.0, 2.0]])
    arguments = (1,) if "softmax" in name else ()
    assert getattr(gp, name)(x.clone(), *arguments).tolist() == getattr(x.clone(), name)(*arguments).tolist()


@pytest.mark.parametrize("name", ["relu", "relu_"])
def test_relu_takes_nothing(name):
    with pytest.raises(TypeError):
        getattr(gp.ones(2), name)(True)
