import contextlib
import gc
import weakref
from collections import namedtuple

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, nn, random
from gpunn.utils.checkpoint import checkpoint, checkpoint_sequential

Pair = namedtuple("Pair", "first second")


def leaf(*shape, device="cpu", seed=0):
    values = np.random.default_rng(seed).standard_normal(shape)
    return gp.tensor(values, device=device, requires_grad=True)


def same(a, b):
    np.testing.assert_array_equal(backend.asnumpy(a.array), backend.asnumpy(b.array))


def two_outputs(x, y, scale, *, shift):
    return Pair((x * y * scale).tanh(), (x + shift).exp()), "note"


@pytest.mark.parametrize("use_reentrant", [None, False])
def test_values_and_gradients_are_those_of_the_plain_call(device, use_reentrant):
    results = []
    for through in (lambda f, *a, **k: f(*a, **k), checkpoint):
        x, y, shift = (leaf(3, 2, device=device, seed=s) for s in range(3))
        options = {} if through is not checkpoint else {"use_reentrant": use_reentrant}
        pair, note = through(two_outputs, x * 1, y, 2.0, shift=shift * 1, **options)
        assert note == "note" and isinstance(pair, Pair)
        (pair.first * pair.second).sum().backward()
        results.append([pair.first, pair.second, x.grad, y.grad, shift.grad])
    for plain, again in zip(*results, strict=True):
        same(plain, again)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_parameters_inside(use_reentrant):
    layer = nn.Linear(3, 2)
    x = gp.ones(4, 3)
    layer(x).tanh().sum().backward()
    wanted, layer.weight.grad = layer.weight.grad, None
    out = checkpoint(lambda t: layer(t).tanh(), x, use_reentrant=use_reentrant)
    assert out.grad_fn.name() == "CheckpointFunctionBackward"
    out.sum().backward()
    same(layer.weight.grad, wanted)


def test_grad_gives_all_and_adds_to_nothing():
    layer = nn.Linear(3, 2).double()
    x = leaf(4, 3)
    inputs = [x, layer.weight, layer.bias]
    wanted = gp.autograd.grad(layer(x).tanh().sum(), inputs)
    found = gp.autograd.grad(checkpoint(lambda t: layer(t).tanh(), x).sum(), inputs)
    for a, b in zip(wanted, found, strict=True):
        same(a, b)
    assert all(t.grad is None for t in inputs)
    (only,) = gp.autograd.grad(checkpoint(lambda t: layer(t).tanh(), x).sum(), x)
    same(only, wanted[0])
    assert all(t.grad is None for t in inputs)


def test_tensors_of_enclosing_scopes():
    x = leaf(3)
    h = x.exp()
    out = checkpoint(lambda t, held: t * h + held[0], x, [h * 2])
    (out.sum() + h.sum()).backward()
    e = np.exp(x.detach().numpy())
    np.testing.assert_allclose(x.grad.numpy(), e + x.detach().numpy() * e + 2 * e + e)


def test_second_derivatives():
    w = leaf(3, seed=1)

    def f(x):
        return checkpoint(lambda t: (t * w).sin() * t.exp(), x)

    assert gp.autograd.gradcheck(f, (leaf(3),))
    assert gp.autograd.gradgradcheck(f, (leaf(3),))


def test_dropout_replays_its_mask_and_leaves_the_generator_alone(device):
    gp.manual_seed(3)
    x = gp.ones(1000, device=device, requires_grad=True)
    out = checkpoint(lambda t: nn.functional.dropout(t, 0.5), x)
    state = random.default_generator.get_state_array()
    out.sum().backward()
    same(x.grad, out)  # of x = 1, the gradient is the mask
    np.testing.assert_array_equal(random.default_generator.get_state_array(), state)
    x.grad = None
    out = checkpoint(lambda t: nn.functional.dropout(t, 0.5), x, preserve_rng_state=False)
    out.sum().backward()
    assert not np.array_equal(backend.asnumpy(x.grad.array), backend.asnumpy(out.array))
    assert not np.array_equal(random.default_generator.get_state_array(), state)


def test_intermediate_arrays_are_not_kept():
    arrays = []

    def deep(x):
        for _ in range(10):
            x = x.sin()
            arrays.append(weakref.ref(x.array))
        return x

    x = leaf(100)
    plain = deep(x * 1)
    gc.collect()
    assert sum(a() is not None for a in arrays) == 10 and plain.requires_grad
    arrays.clear()
    out = checkpoint(deep, x * 1)
    assert [a() is not None for a in arrays] == [False] * 9 + [True]
    out.sum().backward()
    assert sum(a() is not None for a in arrays) == 1


def test_nested():
    calls = []

    def inner(x, w):
        calls.append("inner")
        return (x * w).tanh()

    def outer(x, w):
        return checkpoint(inner, checkpoint(inner, x, w), w).exp()

    x, w = leaf(5), leaf(5, seed=1)
    checkpoint(outer, x, w).sum().backward()
    assert len(calls) == 2 + 2 + 2
    found = x.grad, w.grad
    wanted = gp.autograd.grad(inner(inner(x, w), w).exp().sum(), [x, w])
    for a, b in zip(found, wanted, strict=True):
        same(a, b)


def test_without_recording_the_function_just_runs():
    x = leaf(2)
    with gp.no_grad():
        assert checkpoint(gp.exp, x).grad_fn is None
    assert checkpoint(gp.exp, x.detach()).grad_fn is None
    assert checkpoint(lambda t: t.detach(), x).requires_grad is False


def test_some_outputs_carry_no_gradient():
    x = leaf(3)
    found = checkpoint(lambda t: {"all": [t.exp(), t.argmax(), t]}, x)
    values, places, same_x = found["all"]
    assert places.grad_fn is None and same_x is not x
    (values + same_x * 3).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(x.detach().numpy()) + 3)


def test_a_leaf_that_the_function_makes_is_its_own_affair():
    x = leaf(3)
    checkpoint(lambda t: t * gp.ones(3, dtype=gp.float64, requires_grad=True), x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones(3))


@pytest.mark.parametrize("segments", [1, 2, 3])
@pytest.mark.parametrize("as_list", [True, False])
def test_sequential(segments, as_list):
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x = leaf(2, 3)
    wanted = gp.autograd.grad(model(x).sum(), [x, *model.parameters()])
    out = checkpoint_sequential(list(model) if as_list else model, segments, x, use_reentrant=False)
    same(out, model(x))
    for a, b in zip(wanted, gp.autograd.grad(out.sum(), [x, *model.parameters()]), strict=True):
        same(a, b)


def test_errors():
    x = leaf(2)
    with pytest.raises(TypeError, match="expected a function, got int"):
        checkpoint(3, x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: shift"):
        checkpoint(two_outputs, x, x, 1.0, shift=0.0, use_reentrant=True)
    for segments in (0, 2):
        with pytest.raises(ValueError, match=f"{segments} segments of 1 functions"):
            checkpoint_sequential([gp.exp], segments, x)
    out = checkpoint(gp.exp, x).sum()
    out.backward()
    with pytest.raises(RuntimeError, match="second time"):
        out.backward()


def test_changed_arguments_and_unsteady_functions_are_noticed():
    x = leaf(2)
    h, other = x * 1, x * 2
    out = checkpoint(lambda t: t.exp(), h)
    h.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.sum().backward()
    results = [(other,), (other, other), x * 3, x * 1]
    out = checkpoint(lambda t: results.pop(0), x)[0]
    with pytest.raises(RuntimeError, match="made 1 tensors at first, 2 in backward"):
        out.sum().backward()
    out = checkpoint(lambda t: results.pop(0).exp(), x)
    with pytest.raises(RuntimeError, match="other tensors than at first"):
        out.sum().backward()


def test_contexts():
    """One around the first run, one around that in backward; without gradients there is none."""
    seen, x = [], leaf(2)

    @contextlib.contextmanager
    def named(name):
        seen.append(name)
        yield
        seen.append(f"after {name}")

    def contexts():
        return named("first"), named("again")

    out = checkpoint(gp.exp, x, use_reentrant=False, context_fn=contexts)
    assert seen == ["first", "after first"]
    out.sum().backward()
    assert seen[2:] == ["again", "after again"]
    same(x.grad, x.exp())


def test_determinism_check():
    x = leaf(2)
    for check in ("default", "none"):
        results = [x * 1, (x * 1).reshape(2, 1)]
        out = checkpoint(lambda t: results.pop(0) * t[0], x, use_reentrant=False, determinism_check=check)  # noqa: B023
        if check == "default":
            with pytest.raises(RuntimeError, match="different metadata than during the forward pass"):
                out.sum().backward()
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(gp.exp, x, determinism_check="always")
    with pytest.raises(ValueError, match="only supported when use_reentrant=False"):
        checkpoint(gp.exp, x, use_reentrant=True, debug=True)
    same(checkpoint(gp.exp, x, debug=True, early_stop=False), x.exp())


def test_a_loss_of_no_dimensions(device):
    x = gp.tensor([1.0, 2.0], device=device, requires_grad=True)
    checkpoint(lambda t: (t * t).sum(), x).backward()
    assert x.grad.tolist() == [2, 4]
