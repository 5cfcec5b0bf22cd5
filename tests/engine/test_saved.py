import gc
import weakref

import gpunn as gp


def test_an_in_place_change_after_use_makes_no_cycle():
    w = gp.tensor([2.0], requires_grad=True)
    x = gp.tensor([1.0])
    y = w * x  # saves x
    x = x.add(0)
    x.add_(y)
    reference = weakref.ref(x.grad_fn)
    gc.disable()
    try:
        del x, y
        assert reference() is None
    finally:
        gc.enable()


def test_leaves_come_back_as_themselves():
    x = gp.tensor([2.0], requires_grad=True)
    y = x * x
    assert y.grad_fn.saved(0) is x


def test_inner_tensors_come_back_with_their_history():
    x = gp.tensor([2.0], requires_grad=True)
    inner = x * 3
    y = inner * inner
    again = y.grad_fn.saved(0)
    assert again is not inner and again.grad_fn is inner.grad_fn and again.tolist() == [6.0]
