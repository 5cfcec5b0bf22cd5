import pytest

import gpunn as gp


def trained():
    p = gp.ones(2, requires_grad=True)
    optimizer = gp.optim.SGD([p], lr=0.1, momentum=0.9)
    p.sum().backward()
    optimizer.step()
    return optimizer


def test_around_steps():
    optimizer, seen = trained(), []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", o is optimizer, len(args))))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", kwargs)))
    optimizer.step()
    assert seen == [("pre", True, 1), ("post", {})]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"closure": lambda: 5}))
    assert optimizer.step() == 5
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="a pre-hook must return"):
        optimizer.step()


def test_around_state_dict():
    optimizer, seen = trained(), []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("second"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("first"), prepend=True)
    handle = optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    optimizer.register_state_dict_post_hook(lambda o, state: seen.append(state["more"]))
    assert optimizer.state_dict()["more"] == 1 and seen == ["first", "second", 1]
    handle.remove()
    optimizer.register_state_dict_post_hook(lambda o, state: state.update(more=2), prepend=True)
    assert optimizer.state_dict()["more"] == 2


def test_around_load_state_dict():
    source, optimizer, seen = trained(), trained(), []
    state = source.state_dict()
    state["param_groups"][0]["lr"] = 0.5

    def change(o, given):
        assert given == state and given is not state
        given["seen"] = True
        return {**given, "param_groups": [{**given["param_groups"][0], "lr": 0.7}]}

    optimizer.register_load_state_dict_pre_hook(change)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.param_groups[0]["lr"]))
    optimizer.load_state_dict(state)
    assert seen == [0.7] and "seen" not in state
