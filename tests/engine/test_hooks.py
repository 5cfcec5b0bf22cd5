import pytest

import gpunn as gp
from gpunn.engine import Hooks


def test_hooks_keep_their_order_and_can_go():
    hooks = Hooks()
    first, second = hooks.add("a"), hooks.add("b")
    assert list(hooks.values()) == ["a", "b"]
    first.remove()
    first.remove()
    assert list(hooks.values()) == ["b"]
    with second:
        pass
    assert not hooks


def test_a_handle_outlives_its_table():
    handle = Hooks().add("a")
    handle.remove()


def test_what_a_hook_returns_is_checked():
    for x in (gp.ones(2, requires_grad=True), gp.ones(2, requires_grad=True) * 1):
        for wrong, error in ((lambda g: 5, TypeError), (lambda g: g.sum(), RuntimeError)):
            with x.register_hook(wrong), pytest.raises(error, match="a gradient hook"):
                x.sum().backward(retain_graph=True)
