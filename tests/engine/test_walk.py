import gc
import threading
import time
import weakref

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, engine


def leaf(values, device="cpu"):
    return gp.tensor(values, device=device, requires_grad=True)


def test_every_path_adds_to_the_gradient(device):
    x = leaf([2.0, 3.0], device)
    y = x * x + x  # dy/dx = 2 x + 1
    y.backward(gp.tensor([1.0, 10.0], device=device))
    assert x.grad.tolist() == [5.0, 70.0]


def test_gradients_accumulate_over_backwards():
    x = leaf([1.0])
    (x * 3).backward()
    kept = x.grad
    (x * 4).backward()
    assert x.grad.tolist() == [7.0] and x.grad is kept


def test_a_shared_gradient_is_not_changed_through_the_other_leaf():
    a, b = leaf([1.0, 1.0]), leaf([1.0, 1.0])
    g = gp.tensor([1.0, 2.0])
    (a + b).backward(g)
    a.grad.mul_(100)
    assert b.grad.tolist() == [1.0, 2.0] and g.tolist() == [1.0, 2.0]


def test_scalar_root_needs_no_gradient_and_others_do():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        gp.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(gp.tensor([1.0]))
    with pytest.raises(TypeError, match="Tensors or None"):
        (x * 2).backward(np.ones(2))
    assert x.grad is None


def test_second_backward_needs_retain_graph():
    x = leaf([2.0])
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [8.0]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_a_graph_without_saved_tensors_can_be_walked_again():
    x = leaf([2.0])
    y = x + x
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4.0]


def test_grad_of_grad_of_grad():
    x = leaf(2.0)
    y = x * x * x * x
    first = gp.autograd.grad(y, x, create_graph=True)[0]
    second = gp.autograd.grad(first, x, create_graph=True)[0]
    third = gp.autograd.grad(second, x)[0]
    assert [first.item(), second.item(), third.item()] == [32.0, 48.0, 48.0]


def test_create_graph_backward_accumulates_differentiably():
    x = leaf(3.0)
    (x * x).backward(create_graph=True)
    assert x.grad.requires_grad
    (x * x).backward(create_graph=True)
    assert x.grad.item() == 12.0
    x.grad = None  # breaks the cycle of leaf, gradient and graph


def test_backward_into_chosen_inputs_only():
    a, b = leaf(2.0), leaf(3.0)
    inner = a * 1
    y = inner * b
    y.backward(inputs=[b], retain_graph=True)
    assert a.grad is None and b.grad.item() == 2.0
    y.backward(inputs=b)
    assert b.grad.item() == 4.0
    with pytest.raises(RuntimeError, match="cannot be empty"):
        (a * b).backward(inputs=[])


def test_grad_of_inner_tensors_and_of_the_root_itself():
    x = leaf(2.0)
    inner = x * 3
    y = inner * inner
    assert [g.item() for g in gp.autograd.grad(y, (inner, x, y))] == [12.0, 36.0, 1.0]


def test_grad_skips_what_leads_nowhere():
    calls = []
    a, b = leaf(1.0), leaf(1.0)
    side = a * 2
    side.register_hook(lambda g: calls.append("side"))
    gp.autograd.grad(side + b * 3, b)
    assert calls == []


def test_hooks_see_and_replace_gradients_in_order():
    x = leaf([1.0, 2.0])
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(("y", g.tolist())))
    y.register_hook(lambda g: g * 10)
    handle = x.register_hook(lambda g: seen.append(("x", g.tolist())))
    y.sum().backward(retain_graph=True)
    assert seen == [("y", [1.0, 1.0]), ("x", [20.0, 20.0])]
    handle.remove()
    handle.remove()
    y.sum().backward()
    assert len(seen) == 3
    assert x.grad.tolist() == [40.0, 40.0]
    with x.register_hook(lambda g: g * 0):
        (x * 1).sum().backward()
    assert x.grad.tolist() == [40.0, 40.0] and not x._hooks


def test_hooks_of_leaves_shape_what_grad_returns():
    x = leaf(1.0)
    x.register_hook(lambda g: g * 5)
    assert gp.autograd.grad(x * 2, x)[0].item() == 10.0


def test_hooks_need_a_gradient():
    with pytest.raises(RuntimeError, match="does not require gradients"):
        gp.tensor(1.0).register_hook(print)
    with pytest.raises(RuntimeError, match="does not require gradients"):
        gp.tensor(1.0).retain_grad()


def test_node_hooks():
    x = leaf(2.0)
    y = x * 3
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 10,))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] + outputs[0], None))
    (y * 1).backward()
    assert x.grad.item() == 40.0  # (1 * 10) * 3 + 10
    accumulator = (x * 1).grad_fn.next_functions[0][0]
    seen = []
    accumulator.register_hook(lambda inputs, outputs: seen.append(outputs[0].item()))
    z = x * 5
    z.backward()
    assert seen in ([5.0], [])  # the accumulator lives as long as a graph holds it
    assert accumulator.name() == "AccumulateGrad" and "MulBackward0" in repr(y.grad_fn)


def test_retain_grad():
    x = leaf([1.0, 2.0])
    y = x * 2
    y.retain_grad()
    assert y.retains_grad and not (x * 2).retains_grad and not x.retains_grad
    (y * y).sum().backward()
    assert y.grad.tolist() == [4.0, 8.0]
    (x * 1).sum().backward(gp.tensor(1.0))
    x.retain_grad()  # a leaf keeps it anyway


def test_a_long_chain_is_walked_and_freed_without_recursion():
    def seconds(n):
        x = leaf(1.0)
        y = x
        for _ in range(n):
            y = y + 1.0
        start = time.perf_counter()
        y.backward()
        assert x.grad.item() == 1.0
        return time.perf_counter() - start

    seconds(1000)
    short, long = min(seconds(20_000) for _ in range(2)), seconds(100_000)
    assert long < 25 * short  # 5 times the length; quadratic would be 25 times the time


def test_a_long_chain_is_deleted_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    reference = weakref.ref(y.grad_fn)
    del y
    assert reference() is None


def test_training_steps_leave_no_cycles_and_no_memory():
    w = leaf(np.ones((4, 4)))
    x = gp.tensor(np.ones((4, 4)))

    def step():
        y = (w * x + x).exp() * w
        (y * y).sum().backward()
        w.grad = None

    step()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(10_000):
            step()
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


def test_saved_buffers_are_freed_by_backward():
    x = leaf(np.ones(3))
    inner = x.exp()
    reference = weakref.ref(inner.array)
    y = (inner * inner).sum()
    del inner
    gc.collect()
    assert reference() is not None
    y.backward()
    gc.collect()
    assert reference() is None
    assert y.grad_fn is not None


def test_outputs_without_gradient_count_as_zero():
    x = leaf(np.arange(4.0))
    first, second = x.split(2)
    first.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]
    del second


def test_backward_in_several_threads():
    def work(i):
        x = leaf(np.full(50, float(i)))
        for _ in range(100):
            (x * x).sum().backward()
        results[i] = x.grad.array[0]

    results = {}
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == {i: 200.0 * i for i in range(8)}


def test_backward_several_roots():
    x = leaf(2.0)
    engine.backward([x * 2, x * x], [None, gp.tensor(10.0)])
    assert x.grad.item() == 42.0


def test_grad_needs_inputs_that_require_gradients():
    with pytest.raises(RuntimeError, match="input 1 of shape"):
        gp.autograd.grad(leaf(1.0) * 2, (leaf(1.0), gp.tensor([1.0])))


def test_gradient_on_the_other_device_is_refused(device):
    x = leaf([1.0], device)
    other = "cpu"
    if device == "cpu":
        pytest.skip("needs two devices")
    with pytest.raises(RuntimeError, match="same device"):
        (x * x).backward(gp.tensor([1.0], device=other) + gp.tensor([1.0], device=other))
    assert backend.is_cuda(x.array)


def test_retained_gradients_are_copies(device):
    x = gp.ones(2, device=device, requires_grad=True)
    y = x + 0
    z = y + 0
    y.retain_grad()
    z.retain_grad()
    given = gp.ones(2, device=device)
    z.backward(given)
    z.grad.zero_()
    assert y.grad.tolist() == x.grad.tolist() == given.tolist() == [1.0, 1.0]


def test_recorded_gradients_are_copies_that_can_be_added_to(device):
    x = gp.ones(2, 2, device=device, requires_grad=True)
    x.sum().backward(create_graph=True)
    x.sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    x.grad = None
    x.sum().backward(inputs=[x], create_graph=True)
    x.sum().backward(inputs=[x])
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


def test_backward_to_inputs_adds_in_place_and_retains():
    x = gp.ones(2, requires_grad=True)
    x.grad = known = gp.ones(2)
    y = x * 2
    (y * 3).sum().backward(inputs=[x, y, x])
    assert x.grad is known and known.tolist() == [7.0, 7.0] and y.grad.tolist() == [3.0, 3.0] and y.retains_grad


def test_a_failed_backward_to_inputs_retains_nothing():
    y = gp.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="does not require grad"):
        y.sum().backward(inputs=[y, gp.ones(2)])
    assert not y.retains_grad


def test_retained_gradients_are_filled_by_grad_too():
    x = gp.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    gp.autograd.grad((y * 3).sum(), x)
    assert y.grad.tolist() == [3.0, 3.0] and x.grad is None


def test_a_leaf_frozen_before_backward_gets_no_gradient():
    x, w = gp.ones(2, requires_grad=True), gp.ones(2, requires_grad=True)
    loss = (x * w).sum()
    w.requires_grad_(False)
    loss.backward()
    assert w.grad is None and x.grad.tolist() == [1.0, 1.0]


def test_hooks_before_a_node_do_not_touch_the_gradient_of_its_output():
    x = leaf([1.0, 1.0])
    y = x * 2
    y.register_hook(lambda grad: grad + 1)
    y.grad_fn.register_prehook(lambda grads: (grads[0] * 10,))
    of_x, of_y = gp.autograd.grad((y * 3).sum(), [x, y])
    assert of_y.tolist() == [4.0, 4.0] and of_x.tolist() == [80.0, 80.0]


@pytest.mark.parametrize("dtype", [gp.float64, gp.float16, gp.int64, gp.bool])
def test_a_gradient_to_start_with_gets_the_dtype_of_its_root(dtype, device):
    x = leaf([1.0, 1.0], device)
    grad = gp.tensor([1, 0], dtype=dtype, device=device, requires_grad=dtype.is_floating_point)
    (of_x,) = gp.autograd.grad(x * 2, x, grad, create_graph=True)
    assert of_x.dtype is gp.float32 and of_x.tolist() == [2.0, 0.0]
    if grad.requires_grad:
        of_x.sum().backward()
        assert grad.grad.dtype is dtype and grad.grad.tolist() == [2.0, 2.0]


def test_a_hook_may_not_change_the_dtype():
    x = leaf([1.0, 1.0])
    y = x * 2
    y.register_hook(lambda grad: grad.double())
    with pytest.raises(RuntimeError, match="hook changed the dtype from float32 to float64"):
        gp.autograd.grad(y.sum(), y)
