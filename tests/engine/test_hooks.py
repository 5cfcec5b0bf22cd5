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


def test_hooks_after_accumulation_see_the_whole_gradient_once():
    x = gp.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda p: seen.append((p is x, p.grad.tolist())))
    (x * 2 + x).sum().backward()
    (x * 2).sum().backward(inputs=[x])
    assert seen == [(True, [3, 3]), (True, [5, 5])]
    gp.autograd.grad((x * 2).sum(), x)  # accumulates nothing
    handle.remove()
    x.sum().backward()
    assert len(seen) == 2


def test_hooks_after_accumulation_come_after_those_of_the_gradient():
    x = gp.tensor(1.0, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.item()))
    x.register_hook(lambda g: g * 10)
    seen = []
    (x * 2).backward()
    assert seen == [20]
    y = x * 3
    x.requires_grad_(False)
    y.backward()
    assert seen == [20]


def test_an_optimizer_may_step_in_backward(device):
    def trained(in_backward):
        gp.manual_seed(0)
        model = gp.nn.Sequential(gp.nn.Linear(3, 4), gp.nn.Tanh(), gp.nn.Linear(4, 2)).to(device)
        optimizers = {p: gp.optim.Adam([p]) for p in model.parameters()}

        def step(p):
            optimizers[p].step()
            optimizers[p].zero_grad()

        if in_backward:
            for p in optimizers:
                p.register_post_accumulate_grad_hook(step)
        for _ in range(3):
            model(gp.ones(5, 3, device=device)).square().mean().backward()
            for p in () if in_backward else optimizers:
                step(p)
        assert all(p.grad is None for p in optimizers)
        return [p.tolist() for p in optimizers]

    assert trained(in_backward=True) == trained(in_backward=False)


def test_errors_of_hooks_after_accumulation():
    with pytest.raises(RuntimeError, match="doesn't require gradient"):
        gp.ones(2).register_post_accumulate_grad_hook(print)
    x = gp.ones((), requires_grad=True)
    with pytest.raises(RuntimeError, match="non-leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)
    x.register_post_accumulate_grad_hook(lambda p: 5)
    with pytest.raises(TypeError, match="must return None"):
        (x * 2).backward()


def test_a_hook_before_all_others():
    hooks = Hooks()
    for name in "abc":
        hooks.add(name, prepend=name != "b")
    assert list(hooks.values()) == ["c", "a", "b"]
