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
