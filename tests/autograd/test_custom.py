import numpy as np
import pytest

import gpunn as gp


class Cube(gp.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2 * ctx.scale, None


class ExpInputs(gp.autograd.Function):
    """Saves its output; written in the newer form."""

    @staticmethod
    def forward(x):
        return x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * y


def leaf(values):
    return gp.tensor(np.asarray(values, np.float64), requires_grad=True)


def test_values_and_gradients_twice():
    x = leaf([0.5, -1.0, 2.0])
    assert gp.autograd.gradcheck(lambda t: Cube.apply(t, 2.0), (x,))
    assert gp.autograd.gradgradcheck(lambda t: Cube.apply(t, 2.0), (x,))
    assert gp.autograd.gradcheck(ExpInputs.apply, (x,)) and gp.autograd.gradgradcheck(ExpInputs.apply, (x,))
    assert Cube.apply(x, 1.0).grad_fn.name() == "CubeBackward"


def test_nothing_is_recorded_without_need():
    assert Cube.apply(gp.tensor([1.0]), 1.0).grad_fn is None
    with gp.no_grad():
        assert Cube.apply(leaf([1.0]), 1.0).grad_fn is None


def test_saved_tensors_are_freed_and_guarded():
    x = leaf([2.0])
    inner = x * 1
    y = Cube.apply(inner, 1.0)
    inner.add_(1)
    with pytest.raises(RuntimeError, match="inplace"):
        y.backward()
    y = Cube.apply(x, 1.0)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_several_outputs_and_materialised_gradients():
    seen = []

    class Split(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            seen.append(None if b is None else b.tolist())
            return a if b is None else a + 2 * b

    for choice in (True, False):
        materialize = choice
        x = leaf([1.0, 2.0])
        Split.apply(x)[0].sum().backward()
        assert x.grad.tolist() == [1.0, 1.0]
    assert seen == [[0.0, 0.0], None]


def test_marks():
    class Marked(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            order = x.argsort()
            flags = x * 0
            ctx.mark_non_differentiable(flags)
            return x * 2, order, flags

        @staticmethod
        def backward(ctx, grad, *_):
            assert ctx.needs_input_grad == (True,)
            return grad * 2

    x = leaf([3.0, 1.0])
    y, order, flags = Marked.apply(x)
    assert y.requires_grad and not order.requires_grad and not flags.requires_grad
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_dirty_inputs_get_the_history():
    class Double(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.array[...] *= 2
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = leaf([1.0, 2.0])
    y = x * 1
    z = Double.apply(y)
    assert z is y and y.tolist() == [2.0, 4.0]
    z.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_an_input_returned_as_it_is_becomes_a_new_tensor():
    class Same(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 7

    x = leaf([1.0])
    y = Same.apply(x)
    assert y is not x and y.grad_fn is not None
    y.backward()
    assert x.grad.tolist() == [7.0]


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (lambda g: (g, g), "incorrect number of gradients"),
        (lambda g: 1.0, "returned a float"),
        (lambda g: gp.ones(5, dtype=gp.float64), "invalid gradient at index 0"),
    ],
)
def test_wrong_gradients_are_named(returned, text):
    class Wrong(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return returned(grad)

    with pytest.raises(RuntimeError, match=text):
        Wrong.apply(leaf([1.0, 2.0])).sum().backward()


def test_a_gradient_that_broadcast_is_summed():
    class Wide(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.expand(3, 2) * 1

        @staticmethod
        def backward(ctx, grad):
            return grad, None

    x = leaf([1.0, 2.0])
    Wide.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_missing_methods():
    with pytest.raises(NotImplementedError, match="forward"):
        gp.autograd.Function.apply(leaf([1.0]))
    with pytest.raises(NotImplementedError, match="backward"):
        gp.autograd.Function.backward(None)


def test_once_differentiable():
    class Once(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @gp.autograd.once_differentiable
        def backward(ctx, grad):
            return grad * 2 * ctx.saved_tensors[0]

    x = leaf([3.0])
    first = gp.autograd.grad(Once.apply(x), x)[0]
    assert first.tolist() == [6.0]
    g = gp.tensor(np.ones(1), requires_grad=True)
    first = gp.autograd.grad(Once.apply(x), x, g, create_graph=True)[0]
    with pytest.raises(RuntimeError, match="differentiate twice"):
        first.sum().backward()


class Doubled(gp.autograd.Function):
    """Doubles its input in place."""

    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def test_a_dirty_view_changes_the_history_of_its_base():
    x = gp.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1
    Doubled.apply(y[0:1])
    y.sum().backward()
    assert y.tolist() == [2.0, 2.0] and x.grad.tolist() == [2.0, 1.0]


def test_gradients_take_the_dtype_of_the_input():
    class Wide(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad.double() * 2

    x = gp.ones(2, requires_grad=True)
    Wide.apply(x).sum().backward()
    assert x.grad.dtype is gp.float32 and x.grad.tolist() == [2.0, 2.0]


def test_nodes_have_the_name_of_their_function():
    class Twice(gp.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2 + 0 * ctx.saved_tensors[0]

    class More(Twice):
        pass

    y, z = (f.apply(gp.ones((), requires_grad=True)) for f in (Twice, More))
    assert type(y.grad_fn).__name__ == y.grad_fn.name() == "TwiceBackward"
    assert type(z.grad_fn).__name__ == "MoreBackward"
    y.backward()
    with pytest.raises(RuntimeError, match="Twice: Trying to backward through the graph a second time"):
        y.backward()
