import math

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, GraphError, ShapeError

init = nn.init
GAIN_LEAKY = math.sqrt(2 / (1 + 0.25))


def array(tensor):
    return tensor.detach().double().cpu().numpy()


def weight(*shape, device="cpu", dtype=gp.float32):
    return nn.Parameter(gp.full(shape, np.nan, device=device, dtype=dtype))


def check_moments(values, mean, std):
    """Mean and standard deviation within 5 standard errors; for a uniform law that of the deviation is smaller."""
    n = values.size
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(n)
    assert abs(values.std() - std) < 5 * std / math.sqrt(2 * n)


# Of a weight (40, 30, 3, 3): fan_in is 270, fan_out 360.
UNIFORM = [
    (lambda w, g: init.uniform_(w, -3, 5, generator=g), -3, 5),
    (lambda w, g: init.xavier_uniform_(w, 2, generator=g), *[s * 2 * math.sqrt(6 / 630) for s in (-1, 1)]),
    (lambda w, g: init.kaiming_uniform_(w, generator=g), *[s * math.sqrt(6 / 270) for s in (-1, 1)]),
    (
        lambda w, g: init.kaiming_uniform_(w, 0.5, "fan_out", generator=g),
        *[s * GAIN_LEAKY * math.sqrt(3 / 360) for s in (-1, 1)],
    ),
    (
        lambda w, g: init.kaiming_uniform_(w, nonlinearity="tanh", generator=g),
        *[s * 5 / 3 * math.sqrt(3 / 270) for s in (-1, 1)],
    ),
    (lambda w, g: init.lecun_uniform_(w, generator=g), *[s * math.sqrt(3 / 270) for s in (-1, 1)]),
]
NORMAL = [
    (lambda w, g: init.normal_(w, 2, 0.5, generator=g), 2, 0.5),
    (lambda w, g: init.xavier_normal_(w, 2, generator=g), 0, 2 * math.sqrt(2 / 630)),
    (lambda w, g: init.kaiming_normal_(w, generator=g), 0, math.sqrt(2 / 270)),
    (lambda w, g: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu", generator=g), 0, math.sqrt(2 / 360)),
    (lambda w, g: init.lecun_normal_(w, generator=g), 0, 1 / math.sqrt(270)),
]


@pytest.mark.parametrize(("fill", "low", "high"), UNIFORM)
def test_uniform_laws(fill, low, high, device):
    w = weight(40, 30, 3, 3, device=device)
    assert fill(w, gp.Generator().manual_seed(0)) is w
    values = array(w)
    check_moments(values, (low + high) / 2, (high - low) / math.sqrt(12))
    slack = 1e-6 * abs(high)
    assert low - slack <= values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() <= high + slack


@pytest.mark.parametrize(("fill", "mean", "std"), NORMAL)
def test_normal_laws(fill, mean, std, device):
    w = weight(40, 30, 3, 3, device=device)
    assert fill(w, gp.Generator().manual_seed(0)) is w
    check_moments(array(w), mean, std)
    z = (array(w) - mean) / std
    assert abs((np.abs(z) < 1).mean() - 0.6827) < 0.02 and 3 < np.abs(z).max() < 6


def phi(z):
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"), [(0, 1, -2, 2), (0, 0.02, -2, 2), (1, 2, 0, 1.5), (0, 1, 1.5, 9), (5, 3, -1, 0)]
)
def test_trunc_normal(mean, std, a, b, device):
    w = weight(100, 200, device=device)
    assert init.trunc_normal_(w, mean, std, a, b, generator=gp.Generator().manual_seed(1)) is w
    values = np.sort(array(w).ravel())
    assert a <= values[0] and values[-1] <= b
    low, high = phi((a - mean) / std), phi((b - mean) / std)
    law = (np.array([phi((v - mean) / std) for v in values]) - low) / (high - low)
    assert np.abs(law - (np.arange(values.size) + 0.5) / values.size).max() < 1.95 / math.sqrt(values.size)  # KS


def test_trunc_normal_far_from_its_mean_warns():
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        init.trunc_normal_(weight(3), 0, 1, 3, 4)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16, gp.float32, gp.float64])
@pytest.mark.parametrize(
    "fill",
    [
        init.uniform_,
        init.normal_,
        init.trunc_normal_,
        init.orthogonal_,
        init.xavier_normal_,
        init.kaiming_uniform_,
        lambda w, generator: init.sparse_(w, 0.5, generator=generator),
    ],
)
def test_every_dtype_device_and_generator(fill, dtype, device):
    drawn = []
    for where in ("cpu", device):
        w = weight(20, 10, device=where, dtype=dtype)
        fill(w, generator=gp.Generator().manual_seed(7))
        assert w.dtype is dtype and w.device.type == where
        drawn.append(array(w))
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-5, atol=1e-6)
    assert np.isfinite(drawn[0]).all() and len(np.unique(drawn[0])) > 60
    gp.manual_seed(7)
    np.testing.assert_allclose(array(fill(weight(20, 10, dtype=dtype), generator=None)), drawn[0])


def test_constants(device):
    for fill, value in ((init.ones_, 1), (init.zeros_, 0), (lambda w: init.constant_(w, 0.3), 0.3)):
        w = weight(2, 3, device=device)
        assert fill(w) is w
        np.testing.assert_array_equal(array(w), np.full((2, 3), np.float32(value)))


def test_eye(device):
    assert array(init.eye_(weight(2, 3, device=device))).tolist() == np.eye(2, 3).tolist()


@pytest.mark.parametrize(
    ("shape", "groups"), [((3, 3, 3), 1), ((2, 4, 3, 5), 1), ((6, 2, 3, 4), 3), ((4, 2, 1, 2, 3), 2)]
)
def test_dirac_passes_channels_on(shape, groups, device):
    values = array(init.dirac_(weight(*shape, device=device), groups))
    out, ins, *kernel = shape
    wanted = np.zeros(shape)
    for group in range(groups):
        for channel in range(min(out // groups, ins)):
            wanted[(group * (out // groups) + channel, channel, *(n // 2 for n in kernel))] = 1
    np.testing.assert_array_equal(values, wanted)


def test_dirac_is_the_identity_of_conv2d():
    conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    init.dirac_(conv.weight)
    x = gp.randn(2, 3, 5, 4)
    assert conv(x).tolist() == x.tolist()


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (4, 2, 3), (8, 2, 2, 2)])
def test_orthogonal(shape, device):
    w = weight(*shape, device=device)
    assert init.orthogonal_(w, gain=3, generator=gp.Generator().manual_seed(2)) is w
    q = array(w).reshape(shape[0], -1)
    product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(product, 9 * np.eye(len(product)), atol=1e-5)


def test_orthogonal_matrices_are_uniform():
    """Haar: the first element is as often negative as positive, and E q² = 1/n."""
    first = [array(init.orthogonal_(weight(3, 3), generator=gp.Generator().manual_seed(i)))[0, 0] for i in range(400)]
    assert 160 < np.sum(np.array(first) < 0) < 240
    assert abs(np.mean(np.square(first)) - 1 / 3) < 0.06
    assert init.orthogonal_(weight(0, 3)).shape == (0, 3)


def test_sparse():
    w = weight(50, 40)
    assert init.sparse_(w, 0.31, std=2.0, generator=gp.Generator().manual_seed(0)) is w
    values = array(w)
    assert ((values == 0).sum(0) == math.ceil(0.31 * 50)).all()
    assert len({tuple(column) for column in (values == 0).T}) == 40
    check_moments(values[values != 0], 0, 2.0)


@pytest.mark.parametrize(
    ("nonlinearity", "param", "gain"),
    [
        *[(name, None, 1) for name in ("linear", "sigmoid", "conv1d", "conv3d", "conv_transpose2d")],
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / 1.0001)),
        ("leaky_relu", 1, 1),
        ("selu", None, 0.75),
    ],
)
def test_calculate_gain(nonlinearity, param, gain):
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(gain, rel=1e-15)


FILLS = [
    init.uniform_,
    init.normal_,
    init.trunc_normal_,
    init.ones_,
    init.zeros_,
    init.eye_,
    init.xavier_uniform_,
    init.xavier_normal_,
    init.kaiming_uniform_,
    init.kaiming_normal_,
    init.lecun_uniform_,
    init.lecun_normal_,
    init.orthogonal_,
]


@pytest.mark.parametrize("fill", FILLS)
def test_outside_the_graph_but_counted(fill):
    w = nn.Parameter(gp.ones(3, 3))
    y = (w * w).sum()
    array = w.array
    fill(w)
    assert w.is_leaf and w.requires_grad and w.array is array
    with pytest.raises(GraphError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_nothing_to_fill(fill, shape):
    assert fill(weight(*shape)).shape == shape


FANS = r"Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, got shape \(3,\)"


@pytest.mark.parametrize(
    ("fill", "shape", "error", "words"),
    [
        (init.xavier_uniform_, (3,), ShapeError, FANS),
        (init.kaiming_normal_, (3,), ShapeError, FANS),
        (init.lecun_normal_, (3,), ShapeError, FANS),
        (init.eye_, (3,), ShapeError, r"eye_: Only tensors with 2 dimensions are supported, got shape \(3,\)"),
        (lambda w: init.sparse_(w, 0.1), (3, 3, 3), ShapeError, "sparse_: Only tensors with 2 dimensions"),
        (init.orthogonal_, (3,), ShapeError, "orthogonal_: Only tensors with 2 or more dimensions"),
        (init.dirac_, (3, 3), ShapeError, "dirac_: Only tensors with 3, 4, or 5 dimensions are supported"),
        (lambda w: init.dirac_(w, 2), (3, 3, 3), ShapeError, "dim 0 must be divisible by groups, got 3 and 2"),
        (lambda w: init.trunc_normal_(w, a=2.0, b=-2.0), (3,), ArgumentError, "got a=2.0 above b=-2.0"),
        (lambda w: init.kaiming_uniform_(w, mode="both"), (3, 3), ArgumentError, "Mode both not supported"),
        (lambda w: init.kaiming_normal_(w, nonlinearity="q"), (3, 3), ArgumentError, "Unsupported nonlinearity q"),
        (lambda w: init.kaiming_normal_(w, a=True), (3, 3), ArgumentError, "negative_slope True not a valid number"),
    ],
)
def test_errors(fill, shape, error, words):
    w = nn.Parameter(gp.ones(shape))
    with pytest.raises(error, match=words) as raised:
        fill(w)
    assert isinstance(raised.value, ValueError) and bool((w == 1).all())


@pytest.mark.parametrize(
    "name",
    ["uniform", "normal", "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal", "eye"],
)
def test_names_of_old_programs_warn_and_do_the_same(name):
    old, new = weight(3, 4), weight(3, 4)
    with pytest.warns(FutureWarning, match=f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`"):
        gp.manual_seed(0)
        assert getattr(init, name)(old) is old
    gp.manual_seed(0)
    getattr(init, f"{name}_")(new)
    assert np.array_equal(array(old), array(new)) and getattr(init, name).__name__ == name


def test_arguments_of_old_names_are_passed_on():
    with pytest.warns(FutureWarning, match="constant"):
        assert array(init.constant(weight(2), 3.0)).tolist() == [3, 3]
    with pytest.warns(FutureWarning, match="sparse"):
        assert (array(init.sparse(weight(4, 2), sparsity=0.5)) == 0).sum() == 4
    with pytest.warns(FutureWarning, match="dirac"):
        assert array(init.dirac(weight(2, 2, 3), groups=1)).sum() == 2


def test_fans_by_the_names_that_programs_call():
    weight = gp.empty(8, 4, 3, 3)
    assert init._calculate_fan_in_and_fan_out(weight) == (36, 72)
    assert [init._calculate_correct_fan(weight, mode) for mode in ("fan_in", "FAN_OUT")] == [36, 72]
    with pytest.raises(ValueError, match="Mode fan not supported"):
        init._calculate_correct_fan(weight, "fan")
