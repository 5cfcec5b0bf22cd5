"""Operations on many gradients at once; the norm and its options are in tests/nn/utils/test_clip_grad.py."""

import numpy as np
import pytest

import gpunn as gp
from gpunn.ops import gradients
from tests.conftest import computing_on
from tests.harness import TOLERANCE

DTYPES = ["float16", "bfloat16", "float32", "float64"]
SHAPES = ((3, 5), (), (9000,), (0, 2), (37,))


def some(device, dtype=gp.float32, scale=1.0):
    """Tensors of several sizes, one in channels-last and one misaligned, and their values in float64."""
    rng = np.random.default_rng(0)
    found = [gp.tensor(rng.normal(size=s) * scale, dtype=dtype, device=device) for s in SHAPES]
    image = gp.tensor(rng.normal(size=(2, 3, 4, 5)) * scale, dtype=dtype, device=device)
    found += [image.contiguous(memory_format=gp.channels_last), found[-1].clone()[1:]]
    return found, [values(x) for x in found]


def values(x):
    return x.double().cpu().numpy().copy()


def norm_of(arrays, p):
    return np.linalg.norm(np.concatenate([a.reshape(-1) for a in arrays]), p)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, np.inf])
@pytest.mark.parametrize("name", DTYPES)
def test_norm(p, name, device):
    dtype = getattr(gp, name)
    found, arrays = some(device, dtype)
    total = gradients.total_norm(found, p)
    assert total.dtype is dtype and total.shape == () and total.device.type == device
    np.testing.assert_allclose(total.item(), norm_of(arrays, p), rtol=TOLERANCE[name])
    for x, before in zip(found, arrays, strict=True):
        assert values(x).tolist() == before.tolist()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("p", [2.0, np.inf])
def test_clip_norm(name, p, device):
    dtype = getattr(gp, name)
    found, arrays = some(device, dtype)
    norm = norm_of(arrays, p)
    total = gradients.clip_norm(found, 0.5, p)
    np.testing.assert_allclose(total.item(), norm, rtol=TOLERANCE[name])
    for x, before in zip(found, arrays, strict=True):
        assert x.dtype is dtype
        np.testing.assert_allclose(values(x), before * (0.5 / (norm + 1e-6)), rtol=TOLERANCE[name], atol=1e-6)


def test_nothing_changes_below_the_limit(device):
    found, arrays = some(device)
    gradients.clip_norm(found, 1e6, 2.0)
    for x, before in zip(found, arrays, strict=True):
        assert values(x).tolist() == before.tolist()


def test_a_norm_of_half_types_does_not_overflow(device):
    """Its square does, and so does the sum of squares in float32."""
    x = gp.full((1000,), 30000.0, dtype=gp.float16, device=device)
    gradients.clip_norm([x], 1000.0**0.5, 2.0)
    assert x.tolist() == [1.0] * 1000
    x = gp.full((2,), 3e38, device=device)
    np.testing.assert_allclose(gradients.clip_norm([x], 1.0, 1.0).item(), np.inf)
    np.testing.assert_allclose(x.tolist(), [0.5, 0.5], rtol=1e-6)


def test_dtypes_side_by_side(device):
    x = gp.full((3,), 2.0, dtype=gp.float64, device=device)
    y = gp.full((5000,), 2.0, dtype=gp.float16, device=device)
    total = gradients.clip_norm([y, x], 1.0, 2.0)
    assert total.dtype is gp.float64
    np.testing.assert_allclose(total.item(), 2 * 5003**0.5, rtol=1e-14)
    np.testing.assert_allclose(x.tolist(), [1 / 5003**0.5] * 3, rtol=1e-6)
    np.testing.assert_allclose(y.tolist(), [1 / 5003**0.5] * 5000, rtol=1e-3)
    mixed = gradients.total_norm([y, x.bfloat16()], 2.0)
    assert mixed.dtype is gp.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_what_is_not_finite_goes_through(bad, p, device):
    x, y = gp.tensor([1.0, bad], device=device), gp.ones(5000, device=device)
    total = gradients.clip_norm([y, x], 1.0, p).item()
    wanted = 0.0 if np.isinf(bad) else np.nan
    assert np.isnan(total) if np.isnan(bad) else total == np.inf
    np.testing.assert_array_equal(y.cpu().numpy(), wanted)
    np.testing.assert_array_equal(x.cpu().numpy(), [wanted, np.nan])


def test_arrays_with_gaps(device):
    x = gp.ones(4, 6, device=device)
    total = gradients.clip_norm([x[:, :3], x[0, 3:]], 1.0, 2.0)
    np.testing.assert_allclose(total.item(), 15**0.5, rtol=1e-6)
    np.testing.assert_allclose(x[1:, 3:].tolist(), np.ones((3, 3)))
    np.testing.assert_allclose(x[:, :3].tolist(), np.full((4, 3), 15**-0.5), rtol=1e-5)


def test_only_empty_gradients(device):
    x = gp.zeros(0, 3, device=device)
    assert gradients.clip_norm([x], 1.0, 2.0).item() == 0.0
    assert gradients.clip_norm([x], 1.0, np.inf).item() == 0.0


def test_scale_to_norm(device):
    found, arrays = some(device)
    gradients.scale_to_norm(found, gp.tensor(4.0, device=device), 2.0)
    for x, before in zip(found, arrays, strict=True):
        np.testing.assert_allclose(values(x), before * (2 / (4 + 1e-6)), rtol=1e-6)


@pytest.mark.parametrize("name", DTYPES)
def test_clip_value(name, device):
    found, arrays = some(device, getattr(gp, name))
    gradients.clip_value(found, 0.25)
    for x, before in zip(found, arrays, strict=True):
        assert values(x).tolist() == np.clip(before, -0.25, 0.25).tolist()
    x = gp.tensor([np.nan, np.inf, -np.inf], device=device)
    gradients.clip_value([x], 2.0)
    np.testing.assert_array_equal(x.cpu().numpy(), [np.nan, 2.0, -2.0])


@pytest.mark.parametrize("name", DTYPES)
def test_unscale(name, device):
    found, arrays = some(device, getattr(gp, name), scale=1024.0)
    flag, factor = gp.zeros(1, device=device), gp.tensor([0.25], device=device)
    gradients.unscale_(found, flag, factor)
    assert flag.tolist() == [0.0]
    for x, before in zip(found, arrays, strict=True):
        assert values(x).tolist() == (before / 4).tolist()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_unscale_finds_what_is_not_finite(bad, device):
    x, y = gp.ones(9000, device=device), gp.ones(3, dtype=gp.float16, device=device)
    x[8999] = bad
    flag, one = gp.zeros((), device=device), gp.ones(1, device=device)
    gradients.unscale_([y], flag, one)
    assert flag.item() == 0.0
    gradients.unscale_([x, y], flag, one)
    assert flag.item() == 1.0
    gradients.unscale_([y], flag, one)
    assert flag.item() == 1.0, "it is never taken back"


def test_update_of_the_scale(device):
    """Shrinks after infinities; grows after each `interval` times without, but never to infinity."""
    for start, found, count, wanted in [
        (8.0, 1.0, 1, (2.0, 0)),
        (8.0, 2.0, 2, (2.0, 0)),
        (8.0, 0.0, 0, (8.0, 1)),
        (8.0, 0.0, 2, (24.0, 0)),
        (2.0**127, 0.0, 2, (2.0**127, 0)),
    ]:
        scale, tracker = gp.tensor(start, device=device), gp.tensor(count, dtype=gp.int32, device=device)
        version = scale._version[0]
        gradients.update_scale_(scale, tracker, gp.tensor(found, device=device), 3.0, 0.25, 3)
        assert (scale.item(), tracker.item()) == wanted and scale._version[0] == version + 1


def test_in_place_changes_are_counted(device):
    x = gp.ones(3, device=device)
    for change in (
        lambda: gradients.clip_norm([x], 1.0, 2.0),
        lambda: gradients.clip_value([x], 1.0),
        lambda: gradients.scale_to_norm([x], gp.ones((), device=device), 1.0),
        lambda: gradients.unscale_([x], gp.zeros(1, device=device), gp.ones(1, device=device)),
    ):
        before = x._version[0]
        change()
        assert x._version[0] == before + 1
    version = x._version[0]
    gradients.total_norm([x], 2.0)
    assert x._version[0] == version


def test_elements_that_share_memory_are_refused(device):
    with pytest.raises(RuntimeError, match="clip_grad_value_: unsupported operation"):
        gradients.clip_value([gp.ones(1, device=device).expand(3)], 1.0)


def test_devices_must_agree():
    with computing_on("emulated"):
        x = gp.ones(3, device="cuda")
        with pytest.raises(RuntimeError, match="unscale_: Expected all tensors to be on the same device"):
            gradients.unscale_([x], gp.zeros(1), gp.ones(1))
        y = gp.full((3,), 2.0)
        total = gradients.clip_norm([y, x], 1.0, 2.0)
        np.testing.assert_allclose(total.item(), 15**0.5, rtol=1e-6)
        np.testing.assert_allclose(x.tolist(), [15**-0.5] * 3, rtol=1e-5)
