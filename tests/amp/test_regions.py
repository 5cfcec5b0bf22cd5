"""autocast: which dtypes come out, where casts are kept, what backward and training make of it."""

import threading

import numpy as np
import pytest

import gpunn as gp
import gpunn.nn.functional as F  # noqa: N812 - PyTorch's habit
from gpunn import nn
from gpunn.autograd import Function
from gpunn.engine import autocast as state
from gpunn.utils.checkpoint import checkpoint

HALVES = (gp.bfloat16, gp.float16)


@pytest.fixture(autouse=True)
def outside():
    yield
    assert state.current.get() is state.OUTSIDE, "a test left a region open"


def randn(*shape, device, seed=0, **settings):
    return gp.tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32), device=device, **settings)


@pytest.mark.parametrize("lower", HALVES)
def test_products_are_lower_losses_are_not(lower, device):
    w, b, x = randn(4, 3, device=device, requires_grad=True), randn(4, device=device), randn(5, 3, device=device)
    with gp.autocast(device, dtype=lower):
        y = F.linear(x, w, b)
        loss = F.mse_loss(y.relu(), randn(5, 4, device=device, seed=1))
    assert (y.dtype, loss.dtype, w.dtype) == (lower, gp.float32, gp.float32)
    exact = x.numpy(force=True) @ w.numpy(force=True).T + b.numpy(force=True)
    eps = gp.finfo(lower).eps
    np.testing.assert_allclose(y.float().numpy(force=True), exact, rtol=4 * eps, atol=8 * eps)
    loss.backward()
    assert w.grad.dtype is gp.float32
    again = F.mse_loss(F.linear(x, w, b).relu(), randn(5, 4, device=device, seed=1))
    (plain,) = gp.autograd.grad(again, w)
    np.testing.assert_allclose(w.grad.numpy(force=True), plain.numpy(force=True), rtol=0.1, atol=16 * eps)


def test_defaults_are_of_the_device(device):
    x = randn(2, 2, device=device)
    with gp.autocast(device) as region:
        assert (x @ x).dtype is region.fast_dtype is {"cpu": gp.bfloat16, "cuda": gp.float16}[device]


def test_only_its_own_devices():
    x = gp.ones(2, 2)
    with pytest.warns(UserWarning, match="CUDA is not available. Disabling autocast"):
        region = gp.autocast("cuda")
    with region:
        assert not gp.is_autocast_enabled("cuda") and (x @ x).dtype is gp.float32


def test_nested_regions(device):
    x = randn(2, 2, device=device)
    with gp.autocast(device, dtype=gp.bfloat16):
        with gp.autocast(device, enabled=False):
            assert (x @ x).dtype is gp.float32
        with gp.autocast(device, dtype=gp.float16):
            assert (x @ x).dtype is gp.float16
        assert (x @ x).dtype is gp.bfloat16
    assert (x @ x).dtype is gp.float32


def test_an_error_ends_the_region(device):
    x = randn(2, 3, device=device)
    with pytest.raises(RuntimeError), gp.autocast(device):
        x @ x
    assert (x @ x.T).dtype is gp.float32


def test_decorator_also_in_threads_and_recursion(device):
    x = randn(2, 2, device=device)

    @gp.autocast(device, dtype=gp.bfloat16)
    def powers(n):
        """Powers."""
        return x @ x if n == 0 else powers(n - 1) @ x

    found = [powers(2).dtype]
    threads = [threading.Thread(target=lambda: found.append(powers(1).dtype)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [gp.bfloat16] * 5 and powers.__doc__ == "Powers."
    assert (x @ x).dtype is gp.float32


def test_parameters_are_cast_once(device, monkeypatch):
    from gpunn.ops import guards

    casts = []
    cast = guards.cast
    monkeypatch.setattr(guards, "cast", lambda x, to: casts.append(x) or cast(x, to))
    w, x = randn(3, 3, device=device, requires_grad=True), randn(3, 3, device=device)

    def count(*, cache_enabled=None, with_grad=True):
        casts.clear()
        with gp.autocast(device, cache_enabled=cache_enabled), gp.set_grad_enabled(with_grad):
            with gp.autocast(device):
                y = x @ w
            y = y @ w
        return sum(c is w for c in casts), y

    assert [count()[0], count(with_grad=False)[0], count(cache_enabled=False)[0]] == [1, 1, 2]
    assert sum(c is x for c in casts) == 1
    count()[1].sum().backward()
    once = w.grad
    w.grad = None
    count(cache_enabled=False)[1].sum().backward()
    np.testing.assert_allclose(once.numpy(force=True), w.grad.numpy(force=True), rtol=0.05, atol=0.05)


def test_no_grad_does_not_spoil_what_comes_later(device):
    w, x = randn(3, 3, device=device, requires_grad=True), randn(3, 3, device=device)
    with gp.autocast(device):
        with gp.no_grad():
            x @ w
        y = x @ w
        with gp.no_grad():
            w.zero_()
        assert (x @ w).abs().max().item() == 0, "the parameter has changed inside the region"
    y.sum().backward()
    assert w.grad is not None


def test_backward_inside_a_region(device):
    """Backward runs in the dtypes of forward, wherever it is called; second derivatives too."""
    x = randn(3, 3, device=device, requires_grad=True)
    found = []
    for inside in (False, True):
        with gp.autocast(device, dtype=gp.bfloat16):
            y = F.softmax(x @ x, -1).log().sum()
            if inside:
                (g,) = gp.autograd.grad(y, x, create_graph=True)
        if not inside:
            (g,) = gp.autograd.grad(y, x, create_graph=True)
        (second,) = gp.autograd.grad((g * g).sum(), x)
        found.append((g, second))
    for a, b in zip(*found, strict=True):
        assert a.dtype is gp.float32
        assert a.tolist() == b.tolist()


def test_checkpoint_computes_again_as_at_first(device):
    x, seen = randn(3, 3, device=device, requires_grad=True), []

    def f(a):
        y = a @ a
        seen.append(y.dtype)
        return y.exp()

    with gp.autocast(device, dtype=gp.bfloat16):
        y = checkpoint(f, x).sum()
    y.backward()
    with gp.autocast(device, dtype=gp.bfloat16):
        z = checkpoint(lambda a: f(a.detach() * 1.0 + (a - a)), x, use_reentrant=False)
        with gp.autocast(device, enabled=False):
            z.float().sum().backward()
    assert seen == [gp.bfloat16] * 4


class Squared(Function):
    """x @ x, and what dtypes it saw."""

    seen: list

    @staticmethod
    def forward(ctx, x):
        y = x @ x
        ctx.save_for_backward(x)
        Squared.seen.append((x.dtype, y.dtype))
        return y

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        left = grad.float() @ x.float().T
        Squared.seen.append(left.dtype)
        return left + x.float().T @ grad.float()


def decorated(device, cast_inputs):
    class Decorated(Squared):
        forward = staticmethod(
            gp.amp.custom_fwd(Squared.forward, device_type=device, cast_inputs=cast_inputs)
            if cast_inputs
            else gp.amp.custom_fwd(device_type=device)(Squared.forward)
        )
        backward = staticmethod(gp.amp.custom_bwd(device_type=device)(Squared.backward))

    return Decorated


def test_functions_of_the_users_own(device):
    low = {"cpu": gp.bfloat16, "cuda": gp.float16}[device]
    expected = {
        None: [(gp.float32, low), low],  # backward as forward
        gp.float32: [(gp.float32, gp.float32), gp.float32],
        gp.float16: [(gp.float16, gp.float16), gp.float32],
    }
    for cast_inputs, wanted in expected.items():
        Squared.seen = []
        x = randn(2, 2, device=device, requires_grad=True)
        op = decorated(device, cast_inputs)
        with gp.autocast(device):
            y = op.apply(x)
        y.float().sum().backward()
        assert Squared.seen == wanted and x.grad.dtype is gp.float32
        Squared.seen = []
        op.apply(x).sum().backward()
        assert Squared.seen == [(gp.float32, gp.float32), gp.float32], "outside it changes nothing"


def test_inputs_of_a_function_are_cast_in_nests(device):
    @gp.amp.custom_fwd(device_type=device, cast_inputs=gp.float16)
    def forward(ctx, *args, **kwargs):
        return args, kwargs

    class Box:
        pass

    x, n, wide = gp.ones(1, device=device), gp.ones(1, device=device, dtype=gp.int64), np.ones(1)
    with gp.autocast(device):
        args, kwargs = forward(Box(), [x, n], "text", wide, k={"a": (x.double(), x)})
    assert [t.dtype for t in args[0]] == [gp.float16, gp.int64] and type(args[0]) is list
    assert args[1] == "text" and args[2] is wide
    assert [t.dtype for t in kwargs["k"]["a"]] == [gp.float64, gp.float16]


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        gp.autocast(gp.bfloat16)
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        gp.amp.custom_fwd(device_type=None)
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        gp.amp.custom_bwd(device_type=None)
    with pytest.raises(RuntimeError, match="unsupported autocast device_type"):
        gp.autocast("tpu")
    with pytest.raises(TypeError, match="requires a callable, but got int"):
        gp.autocast("cpu")(3)
    with pytest.warns(UserWarning, match="In CPU autocast, but the target dtype"):
        region = gp.autocast("cpu", dtype=gp.float32)
    with region:
        assert not gp.is_autocast_enabled("cpu")


class Items:
    """A data set that says whether its items are made inside a region."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return gp.is_autocast_enabled("cpu")


def test_workers_are_outside():
    loader = gp.utils.data.DataLoader(Items(), batch_size=None, num_workers=1)
    with gp.autocast("cpu"):
        assert list(loader) == [False] * 4
        assert gp.is_autocast_enabled("cpu")


def lenet():
    """LeNet-5 for images of 28 x 28, with batch norm behind the second convolution."""
    gp.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Tanh(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
    )  # fmt: skip


def losses(device, lower, steps=8):
    """Of LeNet-5, trained on one batch with momentum."""
    net = lenet().to(device)
    optimizer = gp.optim.SGD(net.parameters(), lr=0.1, momentum=0.5)
    scaler = gp.amp.GradScaler(device, enabled=lower is gp.float16)
    x = randn(8, 1, 28, 28, device=device)
    label = gp.arange(8, device=device)
    found = []
    for _ in range(steps):
        optimizer.zero_grad()
        with gp.autocast(device, dtype=lower, enabled=lower is not gp.float32):
            y = net(x)
            loss = F.cross_entropy(y, label)
        assert (y.dtype, loss.dtype) == (lower, gp.float32)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        found.append(loss.item())
    assert all(p.dtype is gp.float32 and p.grad.dtype is gp.float32 for p in net.parameters())
    assert not scaler.is_enabled() or scaler.get_scale() == 2.0**16
    return np.array(found)


def test_lenet_learns_as_in_float32(device):
    full = losses(device, gp.float32)
    assert full[-1] < 0.5 * full[0]
    for lower, limit in ((gp.bfloat16, 2e-3), (gp.float16, 3e-4)):
        found = losses(device, lower)
        assert 0 < np.abs(found - full).max() < limit * full[0]
