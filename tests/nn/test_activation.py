import pytest

import gpunn as gp
from gpunn import nn

F = nn.functional


@pytest.mark.parametrize(
    ("layer", "function", "text"),
    [
        (nn.ReLU(), F.relu, "ReLU()"),
        (nn.Tanh(), F.tanh, "Tanh()"),
        (nn.Sigmoid(), F.sigmoid, "Sigmoid()"),
        (nn.Softmax(dim=0), lambda x: F.softmax(x, 0), "Softmax(dim=0)"),
        (nn.Softmax(), lambda x: F.softmax(x, 1), "Softmax(dim=None)"),
        (nn.LogSoftmax(1), lambda x: F.log_softmax(x, 1), "LogSoftmax(dim=1)"),
        (nn.Softmin(-1), lambda x: F.softmin(x, -1), "Softmin(dim=-1)"),
        (nn.ReLU6(), F.relu6, "ReLU6()"),
        (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2), "LeakyReLU(negative_slope=0.2)"),
        (nn.ELU(0.5), lambda x: F.elu(x, 0.5), "ELU(alpha=0.5)"),
        (nn.SELU(), F.selu, "SELU()"),
        (nn.CELU(0.5), lambda x: F.celu(x, 0.5), "CELU(alpha=0.5)"),
        (nn.GELU(), F.gelu, "GELU(approximate='none')"),
        (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh"), "GELU(approximate='tanh')"),
        (nn.SiLU(), F.silu, "SiLU()"),
        (nn.Mish(), F.mish, "Mish()"),
        (nn.Hardtanh(-0.5, 0.5), lambda x: F.hardtanh(x, -0.5, 0.5), "Hardtanh(min_val=-0.5, max_val=0.5)"),
        (nn.Hardsigmoid(), F.hardsigmoid, "Hardsigmoid()"),
        (nn.Hardswish(), F.hardswish, "Hardswish()"),
        (nn.Hardshrink(), F.hardshrink, "Hardshrink(0.5)"),
        (nn.Softshrink(0.1), lambda x: F.softshrink(x, 0.1), "Softshrink(0.1)"),
        (nn.Threshold(0.1, 3), lambda x: F.threshold(x, 0.1, 3), "Threshold(threshold=0.1, value=3)"),
        (nn.Softplus(2, 3), lambda x: F.softplus(x, 2, 3), "Softplus(beta=2, threshold=3)"),
        (nn.Softsign(), F.softsign, "Softsign()"),
        (nn.Tanhshrink(), F.tanhshrink, "Tanhshrink()"),
        (nn.LogSigmoid(), F.logsigmoid, "LogSigmoid()"),
        (nn.GLU(1), lambda x: F.glu(x, 1), "GLU(dim=1)"),
        (nn.RReLU().eval(), F.rrelu, "RReLU(lower=0.125, upper=0.3333333333333333)"),
        (nn.NoisyReLU().eval(), F.relu, "NoisyReLU()"),
    ],
)
def test_layer(layer, function, text, device):
    x = gp.randn(3, 4, device=device)
    assert layer(x).tolist() == function(x).tolist() != x.tolist()
    assert repr(layer) == text and list(layer.state_dict()) == []


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.ReLU(inplace=True), "ReLU(inplace=True)"),
        (nn.ReLU6(True), "ReLU6(inplace=True)"),
        (nn.LeakyReLU(0.2, True), "LeakyReLU(negative_slope=0.2, inplace=True)"),
        (nn.ELU(0.5, True), "ELU(alpha=0.5, inplace=True)"),
        (nn.SELU(True), "SELU(inplace=True)"),
        (nn.CELU(0.5, True), "CELU(alpha=0.5, inplace=True)"),
        (nn.SiLU(True), "SiLU(inplace=True)"),
        (nn.Mish(True), "Mish(inplace=True)"),
        (nn.Hardtanh(-1, 2, True), "Hardtanh(min_val=-1, max_val=2, inplace=True)"),
        (nn.Hardsigmoid(True), "Hardsigmoid()"),
        (nn.Hardswish(True), "Hardswish()"),
        (nn.Threshold(0.1, 3, True), "Threshold(threshold=0.1, value=3, inplace=True)"),
        (nn.RReLU(0.1, 0.2, True), "RReLU(lower=0.1, upper=0.2, inplace=True)"),
        (nn.NoisyReLU(True), "NoisyReLU(inplace=True)"),
    ],
)
def test_in_place(layer, text):
    x = gp.tensor([-1.0, 2.5])
    assert layer(x) is x and x.tolist() != [-1.0, 2.5] and repr(layer) == text


def test_prelu_learns_its_slopes(device):
    layer = nn.PReLU(3, 0.5, device=device)
    assert repr(layer) == "PReLU(num_parameters=3)" and layer.state_dict()["weight"].tolist() == [0.5] * 3
    layer(gp.full((2, 3), -2.0, device=device)).sum().backward()
    assert layer.weight.grad.tolist() == [-4.0] * 3
    layer.weight.data.zero_()
    layer.reset_parameters()
    assert layer.weight.tolist() == [0.5] * 3


@pytest.mark.parametrize(("layer", "function"), [(nn.RReLU(), F.rrelu), (nn.NoisyReLU(), F.noisy_relu)])
def test_noise_is_for_training(layer, function):
    x = gp.full((50,), -0.5)
    gp.manual_seed(2)
    y = layer(x).tolist()
    gp.manual_seed(2)
    assert y == function(x, training=True).tolist() and len(set(y)) > 10
    assert len(set(layer.eval()(x).tolist())) == 1
    layer.train()


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 4, 5)])
def test_softmax2d(shape):
    x = gp.arange(float(gp.ones(shape).numel())).reshape(shape) / 7
    assert gp.equal(nn.Softmax2d()(x), x.softmax(-3))


def test_softmax2d_takes_images():
    with pytest.raises(ValueError, match=r"expected input to be 3D or 4D \(got 2D input, \(2, 3\)\)"):
        nn.Softmax2d()(gp.ones(2, 3))


def test_hardtanh_knows_the_old_names_of_its_limits():
    with pytest.warns(FutureWarning, match="now min_val and max_val"):
        layer = nn.Hardtanh(min_value=-2.0, max_value=0.5)
    assert layer(gp.tensor([-3.0, 1.0])).tolist() == [-2.0, 0.5]


@pytest.mark.parametrize("limits", [(1.0, -1.0), (0.5, 0.5)])
def test_hardtanh_wants_its_limits_in_order(limits):
    with pytest.raises(AssertionError, match="must be greater than min_val") as found:
        nn.Hardtanh(*limits)
    assert isinstance(found.value, ValueError)
