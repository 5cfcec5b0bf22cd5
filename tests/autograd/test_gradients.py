import pytest

import gpunn as gp


def leaf(value):
    return gp.tensor(value, requires_grad=True)


def test_backward_of_several_tensors():
    x = leaf([1.0, 2.0])
    gp.autograd.backward([x * 2, x.sum()], [gp.ones(2), None])
    assert x.grad.tolist() == [3.0, 3.0]
    gp.autograd.backward(x * 1, gp.ones(2), inputs=x)
    assert x.grad.tolist() == [4.0, 4.0]
    with pytest.raises(RuntimeError, match="cannot be empty"):
        gp.autograd.backward(x.sum(), inputs=[])


def test_unused_inputs():
    x, y = leaf(1.0), leaf(2.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        gp.autograd.grad(x * 2, (x, y))
    assert gp.autograd.grad(x * 2, (x, y), allow_unused=True)[1] is None
    assert gp.autograd.grad(x * 2, (x, y), materialize_grads=True)[1].item() == 0.0
    with pytest.raises(ValueError, match="allow_unused"):
        gp.autograd.grad(x * 2, (x, y), allow_unused=False, materialize_grads=True)


def test_arguments_are_checked():
    x = leaf(1.0)
    with pytest.raises(ValueError, match="non-empty"):
        gp.autograd.grad(x * 2, [])
    with pytest.raises(RuntimeError, match="1 tensors and 2 gradients"):
        gp.autograd.grad(x * 2, x, [gp.tensor(1.0), gp.tensor(1.0)])
    with pytest.raises(ValueError, match="is_grads_batched"):
        gp.autograd.grad(x * 2, x, is_grads_batched=True)
    with pytest.raises(ValueError, match="only_inputs=False is not supported; use backward"):
        gp.autograd.grad(x * 2, x, only_inputs=False)


def test_arguments_come_in_pytorchs_order():
    x, y = leaf(1.0), leaf(2.0)
    assert gp.autograd.grad(x * 2, (x, y), gp.tensor(3.0), False, False, True, True) == (gp.tensor(6.0), None)


def test_the_old_name_of_grad_tensors():
    x = leaf([1.0, 2.0])
    with pytest.warns(FutureWarning, match="grad_variables is deprecated"):
        gp.autograd.backward([x * 3], grad_variables=[gp.tensor([1.0, 10.0])])
    assert x.grad.tolist() == [3.0, 30.0]
    with pytest.raises(RuntimeError, match="both"):
        gp.autograd.backward([x * 3], [gp.ones(2)], grad_variables=[gp.ones(2)])
