import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError
from gpunn.nn.state import StateDictError


class Scale(nn.Module):
    def forward(self, x, factor=1.0):
        return x * factor


@pytest.fixture
def log():
    return []


def test_forward_pre_hook_sees_and_replaces_arguments(log):
    module, x = Scale(), gp.tensor([1.0])
    module.register_forward_pre_hook(lambda m, args: log.append((m is module, args[0] is x)))
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    module.register_forward_pre_hook(lambda m, args: (args[0] * 3, 2.0))
    assert module(x).item() == 12
    assert log == [(True, True)]


def test_forward_hook_sees_and_replaces_the_output(log):
    module = Scale()
    module.register_forward_hook(lambda m, args, output: log.append((len(args), output.item())))
    module.register_forward_hook(lambda m, args, output: output + 1)
    module.register_forward_hook(lambda m, args, output: output * 2)
    assert module(gp.tensor([3.0]), 2.0).item() == 14
    assert log == [(2, 6)]


def test_hooks_with_keyword_arguments(log):
    module = Scale()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": 5.0}), with_kwargs=True)
    module.register_forward_pre_hook(lambda m, args, kwargs: log.append(kwargs), with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: out + kwargs["factor"], with_kwargs=True)
    assert module(gp.tensor([1.0]), factor=2.0).item() == 10
    assert log == [{"factor": 5.0}]
    module.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    with pytest.raises(ArgumentError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got tuple"):
        module(gp.tensor([1.0]))


@pytest.mark.parametrize("kind", ["register_forward_hook", "register_forward_pre_hook"])
def test_prepend_and_remove(kind, log):
    module = Scale()
    register = getattr(module, kind)
    handles = [register(lambda *a, i=i: log.append(i), prepend=prepend) for i, prepend in enumerate([0, 0, 1, 1])]
    module(gp.ones(1))
    assert log == [3, 2, 0, 1]
    handles[2].remove()
    with handles[0]:
        pass
    log.clear()
    module(gp.ones(1))
    assert log == [3, 1]


def test_a_hook_may_remove_itself(log):
    module = Scale()
    handle = module.register_forward_hook(lambda *a: (log.append(1), handle.remove())[1])
    module(gp.ones(1))
    module(gp.ones(1))
    assert log == [1]


def test_always_call_runs_although_forward_raises(log):
    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("broken")

    module = Broken()
    module.register_forward_hook(lambda m, args, output: log.append("not called"))
    module.register_forward_hook(lambda m, args, output: log.append(output), always_call=True)
    with pytest.raises(KeyError, match="broken"):
        module(gp.ones(1))
    assert log == [None]


def test_always_call_runs_once_and_cannot_hide_the_error(log):
    module = Scale()
    module.register_forward_hook(lambda m, args, output: log.append("first"), always_call=True)
    module.register_forward_hook(lambda m, args, output: 1 / 0)
    module.register_forward_hook(lambda m, args, output: {}[3], always_call=True)
    with pytest.raises(ZeroDivisionError), pytest.warns(UserWarning, match="silenced as another error .* forward: 3"):
        module(gp.ones(1))
    assert log == ["first"]


def test_state_dict_hooks(log):
    model = nn.Sequential(nn.Linear(1, 1))
    model[0].register_state_dict_pre_hook(lambda m, prefix, keep_vars: log.append((prefix, keep_vars)))

    def add(module, state, prefix, metadata):
        state["note"] = metadata["version"]

    handle = model.register_state_dict_post_hook(add)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "note"]
    assert log == [("0.", False)]
    handle.remove()
    assert "note" not in model.state_dict()


def test_load_pre_hook_may_rename():
    model = nn.Sequential(nn.Linear(1, 1, bias=False))

    def rename(module, state, prefix, metadata, strict, missing, unexpected, errors):
        if f"{prefix}w" in state:
            state[f"{prefix}weight"] = state.pop(f"{prefix}w")

    model[0].register_load_state_dict_pre_hook(rename)
    given = {"0.w": gp.tensor([[7.0]])}
    model.load_state_dict(given)
    assert model[0].weight.item() == 7 and list(given) == ["0.w"]


def test_load_post_hook_sees_the_new_values_and_may_forgive(log):
    model = nn.Sequential(nn.Linear(1, 1))

    def forgive(module, keys):
        log.append((type(module).__name__, list(keys.missing_keys), model[0].weight.item()))
        keys.missing_keys.clear()

    model.register_load_state_dict_post_hook(forgive)
    model[0].register_load_state_dict_post_hook(lambda m, keys: log.append(type(m).__name__))
    state = {"0.weight": gp.tensor([[7.0]])}
    assert model.load_state_dict(state) == ([], [])
    assert log == ["Linear", ("Sequential", ["0.bias"], 7.0)]
    with pytest.raises(StateDictError, match="Unexpected"):
        model.load_state_dict({**state, "more": gp.ones(1)})


def test_load_post_hook_is_not_called_when_shapes_are_wrong(log):
    model = nn.Linear(1, 1)
    model.register_load_state_dict_post_hook(lambda m, keys: log.append(1))
    with pytest.raises(StateDictError, match="size mismatch"):
        model.load_state_dict({"weight": gp.tensor([[7.0]]), "bias": gp.ones(2)})
    assert log == [] and model.weight.item() != 7
