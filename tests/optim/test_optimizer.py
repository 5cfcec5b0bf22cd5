import copy
import io

import numpy as np
import pytest

import gpunn as gp
from gpunn import emulator, nn
from gpunn.optim import SGD, Adam, Optimizer


def params(n=2):
    return [gp.full((3,), float(i), requires_grad=True) for i in range(n)]


def set_grads(ps, value=1.0):
    for p in ps:
        p.grad = gp.full_like(p, value)


def test_groups_have_options_of_their_own():
    a, b = params()
    optimizer = SGD([{"params": [a], "lr": 1.0}, {"params": b}], lr=0.5)
    set_grads([a, b])
    optimizer.step()
    assert a.tolist() == [-1.0] * 3 and b.tolist() == [0.5] * 3
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    assert a.tolist() == [-1.0] * 3 and b.tolist() == [0.0] * 3


def test_named_parameters():
    model = nn.Linear(2, 1)
    optimizer = SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([], ValueError, "empty parameter list"),
        (gp.ones(2), TypeError, "iterable of Tensors"),
        ([1.0], TypeError, "can only optimize Tensors"),
        ([gp.ones(1, requires_grad=True) * 2], ValueError, "non-leaf"),
        ([{"params": {gp.ones(1)}}], TypeError, "ordered collections"),
    ],
)
def test_parameters_are_checked(given, error, text):
    with pytest.raises(error, match=text):
        SGD(given, lr=0.1)


def test_a_parameter_appears_once():
    a, b = params()
    with pytest.raises(ValueError, match="twice"):
        SGD([a, a], lr=0.1)
    optimizer = SGD([a], lr=0.1)
    with pytest.raises(ValueError, match="more than one"):
        optimizer.add_param_group({"params": [b, a]})
    with pytest.raises(TypeError, match="must be a dict"):
        optimizer.add_param_group([b])
    assert len(optimizer.param_groups) == 1


def test_parameters_without_gradient_stay():
    a, b = params()
    a.grad = gp.ones(3)
    optimizer = SGD([a, b], lr=1.0)
    optimizer.step()
    assert b.tolist() == [1.0] * 3 and b not in optimizer.state


def test_zero_grad():
    a, b = params()
    set_grads([a, b])
    kept = a.grad
    optimizer = SGD([a, b], lr=1.0)
    optimizer.zero_grad(set_to_none=False)
    assert a.grad is kept and kept.tolist() == [0.0] * 3
    optimizer.zero_grad()
    assert a.grad is None and b.grad is None


def test_closure_and_hooks():
    (p,) = params(1)
    optimizer, seen = SGD([p], lr=0.1), []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
    handle = optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))

    def closure():
        seen.append("closure")
        optimizer.zero_grad()
        loss = (p - 3).square().sum()
        loss.backward()
        return loss

    with gp.no_grad():
        assert optimizer.step(closure).item() == 27.0
    handle.remove()
    optimizer.step(closure)
    assert seen == ["pre", "closure", "post", "pre", "closure"]


def test_zero_grad_cuts_off_the_graph():
    (p,) = params(1)
    (p * p * p).sum().backward(create_graph=True)
    optimizer = SGD([p], lr=1.0)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.is_leaf and not p.grad.requires_grad


def test_hooks_see_and_may_replace_the_arguments():
    (p,) = params(1)
    set_grads([p])
    optimizer, seen = SGD([p], lr=0.1), []

    def replace(o, args, kwargs):
        seen.append((o, args, kwargs, gp.is_grad_enabled()))
        return (o,), {"closure": lambda: "other"}

    handle = optimizer.register_step_pre_hook(replace)
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(list(kwargs)))
    assert optimizer.step(first := lambda: "first") == "other"
    assert seen == [(optimizer, (optimizer, first), {}, True), ["closure"]]
    handle.remove()
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 5)
    with pytest.raises(RuntimeError, match=r"pre-hook must return None or a tuple \(args, kwargs\), but got 5"):
        optimizer.step()


def test_a_step_counts_as_an_in_place_change():
    (p,) = params(1)
    y = (p * p).sum()
    p.grad = gp.ones(3)
    SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.parametrize("kind", [lambda p: SGD(p, lr=0.1, momentum=0.9), lambda p: Adam(p, lr=0.1, amsgrad=True)])
def test_training_resumes_from_a_state_dict(kind, tmp_path):
    def steps(ps, optimizer, n):
        for i in range(n):
            set_grads(ps, 1.0 + i)
            optimizer.step()

    straight = params()
    steps(straight, optimizer := kind(straight), 3)
    first = [p.detach().clone().requires_grad_() for p in straight]
    gp.save(optimizer.state_dict(), tmp_path / "optimizer.safetensors")
    steps(straight, optimizer, 3)
    resumed = kind(first)
    resumed.load_state_dict(gp.load(tmp_path / "optimizer.safetensors"))
    steps(first, resumed, 3)
    for a, b in zip(straight, first, strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())


def test_state_dict_has_pytorchs_form():
    ps = params(3)
    set_grads(ps)
    optimizer = SGD([{"params": ps[:2]}, {"params": ps[2:], "lr": 2.0}], lr=0.1, momentum=0.9)
    optimizer.step()
    found = optimizer.state_dict()
    assert found["param_groups"][0]["params"] == [0, 1] and found["param_groups"][1]["params"] == [2]
    assert found["param_groups"][1]["lr"] == 2.0 and list(found["state"]) == [0, 1, 2]


def test_a_state_dict_that_does_not_fit_changes_nothing():
    ps = params()
    optimizer = SGD(ps, lr=0.1)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        optimizer.load_state_dict({"state": {}, "param_groups": []})
    with pytest.raises(ValueError, match="size of optimizer's group"):
        optimizer.load_state_dict({"state": {}, "param_groups": [{"params": [0], "lr": 9.0}]})
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_loaded_state_takes_the_dtype_of_the_parameter():
    p = gp.ones(2, dtype=gp.float64, requires_grad=True)
    saved = {"momentum_buffer": gp.ones(2), "step": gp.tensor(3.0)}
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": {0: saved}, "param_groups": groups})
    assert optimizer.state[p]["momentum_buffer"].dtype is gp.float64
    assert optimizer.state[p]["step"].dtype is gp.float32
    optimizer.state[p]["momentum_buffer"].zero_()
    assert saved["momentum_buffer"].tolist() == [1.0, 1.0]


def test_repr_and_copy():
    optimizer = SGD(params(1), lr=0.1)
    assert repr(optimizer).startswith("SGD (\nParameter Group 0\n    dampening: 0\n")
    twin = copy.deepcopy(optimizer)
    twin.param_groups[0]["lr"] = 5.0
    assert optimizer.param_groups[0]["lr"] == 0.1 and twin.param_groups[0]["params"][0] is not None


def test_the_base_class_cannot_update():
    optimizer = Optimizer(ps := params(1), {"lr": 0.1})
    set_grads(ps)
    with pytest.raises(NotImplementedError):
        optimizer.step()


def test_a_failed_step_is_named_before_anything_moves():
    a, b = params()
    set_grads([a, b])
    b._grad = gp.ones(5)
    with pytest.raises(RuntimeError, match=r"parameter 1 of group 0 has shape \(3,\), its gradient \(5,\)"):
        SGD([a, b], lr=1.0).step()
    assert a.tolist() == [0.0] * 3


def test_a_gradient_on_another_device_is_refused():
    a, b = params()
    set_grads([a, b])
    with emulator.enable():
        b._grad = gp.ones(3, device="cuda")
        with pytest.raises(RuntimeError, match="float32 on cpu and float32 on cuda:0"):
            SGD([a, b], lr=1.0).step()
    assert a.tolist() == [0.0] * 3


def test_a_failed_closure_changes_nothing():
    (p,) = params(1)
    set_grads([p])
    optimizer = Adam([p])
    with pytest.raises(ZeroDivisionError):
        optimizer.step(lambda: 1 / 0)
    assert p.tolist() == [0.0] * 3 and not optimizer.state and gp.is_grad_enabled()


def test_differentiable_steps_are_refused():
    with pytest.raises(NotImplementedError, match="differentiable"):
        SGD(params(), lr=0.1, differentiable=True)


def test_a_group_needs_parameters():
    optimizer = SGD(params(1), lr=0.1)
    with pytest.raises(KeyError, match="params"):
        optimizer.add_param_group({"lr": 0.1})
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        optimizer.add_param_group({"params": params(1), "lr": -1.0})
    with pytest.raises(ValueError, match="with/without names"):
        optimizer.add_param_group({"params": [("w", gp.ones(1, requires_grad=True))]})
    with pytest.raises(ValueError, match="Some param names are missing"):
        SGD([("w", gp.ones(1, requires_grad=True)), gp.ones(1, requires_grad=True)], lr=0.1)
    assert len(optimizer.param_groups) == 1


def test_state_travels_through_a_file_object():
    ps = params()
    set_grads(ps)
    optimizer = Adam(ps)
    optimizer.step()
    file = io.BytesIO()
    gp.save(optimizer.state_dict(), file)
    file.seek(0)
    assert gp.load(file)["state"][1]["step"].item() == 1.0


def test_what_is_not_finite_goes_through(device):
    p = gp.tensor([1.0, 1.0, float("inf")], device=device, requires_grad=True)
    optimizer = Adam([p], weight_decay=0.1)
    for _ in range(2):
        p.grad = gp.tensor([float("inf"), 1.0, -float("inf")], device=device)
        optimizer.step()
    np.testing.assert_array_equal(np.isnan(p.detach().cpu().numpy()), [True, False, True])


def test_options_that_each_group_must_give():
    class Own(Optimizer):
        pass

    a, b = params()
    optimizer = Own([{"params": [a], "lr": 1.0}], {"lr": gp.optim.required})
    with pytest.raises(ValueError, match="didn't specify a value of required optimization parameter lr"):
        optimizer.add_param_group({"params": [b]})
    assert repr(gp.optim.required) == "<required parameter>"
