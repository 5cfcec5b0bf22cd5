import copy

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import GpunnError
from tests.conftest import computing_on

LAYERS = [
    (nn.BatchNorm1d, (6, 3)),
    (nn.BatchNorm1d, (4, 3, 5)),
    (nn.BatchNorm2d, (4, 3, 2, 5)),
    (nn.BatchNorm3d, (2, 3, 2, 2, 3)),
]


def array(tensor):
    return tensor.detach().double().cpu().numpy()


def made(kind, *arguments, device="cpu", **options):
    """A layer in float64 whose weight and bias are not the ones it starts with."""
    layer = kind(3, *arguments, device=device, dtype=gp.float64, **options)
    for i, p in enumerate(layer.parameters()):
        nn.init.uniform_(p, 0.5 + i, 1.5 + i, gp.Generator().manual_seed(i))
    return layer


def column(values, x):
    """`values`, one for each channel, shaped to broadcast against (N, C, ...)."""
    return np.reshape(values, (1, -1, *(1,) * (x.ndim - 2)))


def moments(x):
    axes = (0, *range(2, x.ndim))
    return x.mean(axes), x.var(axes), x.size / x.shape[1]


def normalised(x, mean, var, layer, eps=1e-5):
    y = (x - column(mean, x)) / np.sqrt(column(var, x) + eps)
    y = y if layer.weight is None else y * column(array(layer.weight), x)
    return y if layer.bias is None else y + column(array(layer.bias), x)


@pytest.mark.parametrize(("kind", "shape"), LAYERS)
def test_training_and_eval(kind, shape, device):
    layer = made(kind, device=device)
    running_mean, running_var = np.zeros(3), np.ones(3)
    for step in range(3):
        x = gp.randn(shape, dtype=gp.float64, device=device) * 2 + 1
        mean, var, n = moments(array(x))
        np.testing.assert_allclose(array(layer(x)), normalised(array(x), mean, var, layer), rtol=1e-10, atol=1e-12)
        running_mean = 0.9 * running_mean + 0.1 * mean
        running_var = 0.9 * running_var + 0.1 * var * n / (n - 1)
        np.testing.assert_allclose(array(layer.running_mean), running_mean, rtol=1e-12)
        np.testing.assert_allclose(array(layer.running_var), running_var, rtol=1e-12)
        assert layer.num_batches_tracked.item() == step + 1
    layer.eval()
    y = layer(x)
    np.testing.assert_allclose(array(y), normalised(array(x), running_mean, running_var, layer), rtol=1e-10)
    assert layer.num_batches_tracked.item() == 3
    np.testing.assert_allclose(array(layer.running_mean), running_mean, rtol=1e-12)


def test_momentum_none_is_the_mean_of_all_batches(device):
    layer = made(nn.BatchNorm1d, momentum=None, device=device)
    means, variances = [], []
    for _ in range(4):
        x = gp.randn(5, 3, dtype=gp.float64, device=device)
        layer(x)
        mean, var, n = moments(array(x))
        means.append(mean)
        variances.append(var * n / (n - 1))
    np.testing.assert_allclose(array(layer.running_mean), np.mean(means, 0), rtol=1e-12)
    np.testing.assert_allclose(array(layer.running_var), np.mean(variances, 0), rtol=1e-12)
    before = array(layer.running_mean).tolist()
    layer.eval()(x)
    assert array(layer.running_mean).tolist() == before
    with pytest.raises(ValueError, match="more than 1 value"):
        layer.train()(x[:1])
    assert array(layer.running_mean).tolist() == before and layer.num_batches_tracked.item() == 4


@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_captured_step_goes_on_with_the_running_averages(momentum):
    with computing_on("emulated"):
        layers = [nn.BatchNorm1d(3, momentum=momentum).to("cuda") for _ in range(2)]
        run = gp.compile(lambda x: layers[1](x).detach())
        for i in range(5):
            x = gp.tensor(np.random.default_rng(i).normal(i, 2.0, (4, 3)).astype("f4"), device="cuda")
            assert run(x).tolist() == layers[0](x).tolist()
            for mine, theirs in zip(*[layer.buffers() for layer in layers], strict=True):
                assert mine.tolist() == theirs.tolist()
        assert len(run.steps.graphs) == 1


def test_without_running_statistics_eval_uses_those_of_the_batch(device):
    layer = made(nn.BatchNorm1d, track_running_stats=False, device=device).eval()
    x = gp.randn(5, 3, dtype=gp.float64, device=device)
    mean, var, _ = moments(array(x))
    np.testing.assert_allclose(array(layer(x)), normalised(array(x), mean, var, layer), rtol=1e-10, atol=1e-12)
    assert list(layer.state_dict()) == ["weight", "bias"] and layer.running_mean is None


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({}, ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]),
        ({"affine": False}, ["running_mean", "running_var", "num_batches_tracked"]),
        ({"bias": False}, ["weight", "running_mean", "running_var", "num_batches_tracked"]),
        ({"affine": False, "track_running_stats": False}, []),
    ],
)
def test_state(options, state, device):
    layer = made(nn.BatchNorm1d, eps=0.1, device=device, **options)
    assert list(layer.state_dict()) == state
    x = gp.randn(5, 3, dtype=gp.float64, device=device)
    mean, var, _ = moments(array(x))
    np.testing.assert_allclose(array(layer(x)), normalised(array(x), mean, var, layer, 0.1), rtol=1e-10, atol=1e-12)


def test_first_values_dtypes_and_devices(device):
    layer = nn.BatchNorm2d(3, device=device, dtype=gp.float16)
    state = layer.state_dict()
    assert {name: value.tolist() for name, value in state.items()} == {
        "weight": [1, 1, 1],
        "bias": [0, 0, 0],
        "running_mean": [0, 0, 0],
        "running_var": [1, 1, 1],
        "num_batches_tracked": 0,
    }
    assert {value.device.type for value in state.values()} == {device}
    assert [value.dtype for value in state.values()] == [gp.float16] * 4 + [gp.int64]


def test_reset(device):
    layer = made(nn.BatchNorm1d, device=device)
    first = nn.BatchNorm1d(3).state_dict()
    layer(gp.randn(4, 3, dtype=gp.float64, device=device))
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1, 1, 1] and layer.num_batches_tracked.item() == 0
    assert layer.weight.tolist() != [1, 1, 1]
    layer.reset_parameters()
    assert {k: v.tolist() for k, v in layer.state_dict().items()} == {k: v.tolist() for k, v in first.items()}


def test_state_dicts_before_version_2_have_no_number_of_batches():
    layer = nn.Sequential(nn.BatchNorm1d(2))
    layer(gp.randn(3, 2))
    old = {key: value for key, value in layer.state_dict().items() if "num" not in key}
    assert layer.load_state_dict(old) == ([], [])
    assert layer[0].num_batches_tracked.item() == 1
    new = copy.copy(layer.state_dict())
    del new["0.num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0.num_batches_tracked"'):
        layer.load_state_dict(new)


@pytest.mark.parametrize(
    ("kind", "shape", "words"),
    [
        (nn.BatchNorm1d, (3,), r"expected 2D or 3D input \(got 1D input\): shape \(3,\)"),
        (nn.BatchNorm2d, (2, 3, 4), r"expected 4D input \(got 3D input\)"),
        (nn.BatchNorm3d, (2, 3, 4, 4), r"expected 5D input \(got 4D input\)"),
        (nn.BatchNorm1d, (2, 4), r"contain 4 elements, .*, not \(3,\)"),
        (nn.BatchNorm1d, (1, 3), "more than 1 value per channel"),
    ],
)
def test_a_failed_call_counts_no_batch(kind, shape, words):
    layer = kind(3)
    with pytest.raises(GpunnError, match=f"^{kind.__name__}: .*{words}") as raised:
        layer(gp.ones(shape))
    assert isinstance(raised.value, ValueError)
    assert layer.num_batches_tracked.item() == 0 and layer.running_mean.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.BatchNorm1d(3), "1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)"),
        (
            nn.BatchNorm2d(4, 0.001, None, False, False),
            "2d(4, eps=0.001, momentum=None, affine=False, bias=False, track_running_stats=False)",
        ),
    ],
)
def test_repr(layer, text):
    assert repr(layer) == f"BatchNorm{text}"


SCALED = [
    (nn.LayerNorm((3, 4), eps=0.1), (2, 3, 4), lambda x: standardised(x, (1, 2), 0.1)),
    (nn.LayerNorm(4), (2, 3, 4), lambda x: standardised(x, (2,), 1e-5)),
    (nn.RMSNorm(4, 0.1), (2, 3, 4), lambda x: x / np.sqrt((x * x).mean(2, keepdims=True) + 0.1)),
    (nn.GroupNorm(1, 3, 0.1), (2, 3, 4), lambda x: standardised(x, (1, 2), 0.1)),
    (nn.InstanceNorm1d(3), (2, 3, 4), lambda x: standardised(x, (2,), 1e-5)),
    (nn.InstanceNorm2d(3), (3, 4, 5), lambda x: standardised(x, (1, 2), 1e-5)),
    (nn.InstanceNorm3d(3, affine=True), (2, 3, 4, 2, 2), lambda x: standardised(x, (2, 3, 4), 1e-5)),
    (nn.LocalResponseNorm(1, 0.5, 1.0, 2.0), (2, 3, 4), lambda x: x / (2 + 0.5 * x * x)),
]


def standardised(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@pytest.mark.parametrize(("layer", "shape", "formula"), SCALED, ids=lambda v: type(v).__name__)
def test_layers_that_normalise_each_input(layer, shape, formula, device):
    layer = copy.deepcopy(layer).to(device, gp.float64)
    for i, p in enumerate(layer.parameters()):
        p.data.fill_(0.5 + i)
    x = gp.randn(shape, dtype=gp.float64, device=device)
    scale = 0.5 if len(list(layer.parameters())) else 1
    offset = 1.5 if len(list(layer.parameters())) == 2 else 0
    for mode in (True, False):
        y = layer.train(mode)(x)
        np.testing.assert_allclose(array(y), formula(array(x)) * scale + offset, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("channels", [2, 3])
def test_instance_norm_with_running_statistics(channels, device):
    layer = nn.InstanceNorm1d(channels, track_running_stats=True, dtype=gp.float64, device=device)
    x = gp.randn(4, channels, 5, dtype=gp.float64, device=device)
    layer(x)
    mean, var = array(x).mean(2).mean(0), array(x).var(2, ddof=1).mean(0)
    np.testing.assert_allclose(array(layer.running_mean), 0.1 * mean, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(array(layer.running_var), 0.9 + 0.1 * var, rtol=1e-10)
    layer.eval()
    column = (-1, 1)
    wanted = array(x) - array(layer.running_mean).reshape(column)
    wanted /= np.sqrt(array(layer.running_var).reshape(column) + 1e-5)
    np.testing.assert_allclose(array(layer(x)), wanted, rtol=1e-9, atol=1e-12)
    assert layer.num_batches_tracked.item() == 0  # as in PyTorch


def test_channels_that_do_not_match():
    with pytest.raises(ValueError, match=r"^InstanceNorm1d: .*at dim=1 to match num_features \(3\), but got: 4"):
        nn.InstanceNorm1d(3, affine=True)(gp.ones(2, 4, 5))
    with pytest.raises(ValueError, match=r"^InstanceNorm1d: expected 2D or 3D input \(got 4D input\)"):
        nn.InstanceNorm1d(3)(gp.ones(2, 4, 5, 1))
    with pytest.warns(UserWarning, match="does not match num_features"):
        nn.InstanceNorm1d(3)(gp.ones(2, 4, 5))
    with pytest.raises(ValueError, match="num_channels \\(4\\) must be divisible by num_groups \\(3\\)"):
        nn.GroupNorm(3, 4)


@pytest.mark.parametrize(
    ("layer", "text", "keys"),
    [
        (nn.LayerNorm(5), "LayerNorm((5,), eps=1e-05, elementwise_affine=True, bias=True)", ["weight", "bias"]),
        (
            nn.LayerNorm((2, 3), bias=False),
            "LayerNorm((2, 3), eps=1e-05, elementwise_affine=True, bias=False)",
            ["weight"],
        ),
        (nn.RMSNorm(5), "RMSNorm((5,), eps=None, elementwise_affine=True)", ["weight"]),
        (nn.RMSNorm((2, 3), 1e-3, False), "RMSNorm((2, 3), eps=0.001, elementwise_affine=False)", []),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)", ["weight", "bias"]),
        (nn.GroupNorm(2, 4, affine=False), "GroupNorm(2, 4, eps=1e-05, affine=False, bias=False)", []),
        (
            nn.InstanceNorm2d(3),
            "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)",
            [],
        ),
        (nn.LocalResponseNorm(3), "LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0)", []),
    ],
)
def test_repr_and_state(layer, text, keys):
    assert repr(layer) == text
    assert list(layer.state_dict()) == keys
