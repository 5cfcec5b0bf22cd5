import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import GraphError


@pytest.fixture
def log():
    return []


def linear():
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": gp.tensor([[1.0, 2.0], [3.0, 4.0]]), "bias": gp.tensor([0.5, -0.5])})
    return layer


def numbers(grads):
    return tuple(None if g is None else g.flatten().tolist() for g in grads)


def watch(module, log):
    module.register_full_backward_hook(lambda m, gi, go: log.append((numbers(gi), numbers(go))))


def x_of(*values, requires_grad=True):
    return gp.tensor([values], requires_grad=requires_grad)


def test_sees_the_gradients(log, device):
    layer, x = linear().to(device), gp.tensor([[1.0, -1.0]], device=device, requires_grad=True)
    watch(layer, log)
    layer(x).backward(gp.tensor([[1.0, 10.0]], device=device))
    assert log == [(([31, 42],), ([1, 10],))]
    assert x.grad.tolist() == [[31, 42]] and layer.weight.grad.tolist() == [[1, -1], [10, -10]]


def test_replaces_the_gradients(log):
    layer, x = linear(), x_of(1.0, -1.0)
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    layer.register_full_backward_hook(lambda m, gi, go: gi[0] + 1)
    watch(layer, log)
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 10,))
    layer(x).backward(gp.tensor([[1.0, 1.0]]))
    assert log == [(([81, 121],), ([10, 10],))]
    assert x.grad.tolist() == [[81, 121]] and layer.bias.grad.tolist() == [10, 10]


def test_prepend_and_remove(log):
    layer = linear()
    handles = [
        layer.register_full_backward_hook(lambda m, gi, go, i=i: log.append(i), prepend=i == 2) for i in range(3)
    ]
    layer.register_full_backward_pre_hook(lambda m, go: log.append("pre"))
    layer(x_of(1.0, 1.0)).sum().backward()
    handles[0].remove()
    layer(x_of(1.0, 1.0)).sum().backward()
    assert log == ["pre", 2, 0, 1, "pre", 2, 1]


def test_inputs_without_gradient(log):
    layer = linear()
    watch(layer, log)
    layer(x_of(1.0, -1.0, requires_grad=False)).sum().backward()
    assert log == [((None,), ([1, 1],))]
    assert layer.bias.grad.tolist() == [1, 1]


def test_inputs_without_gradient_have_none_to_replace():
    layer = linear()
    layer.register_full_backward_hook(lambda m, gi, go: (None,))
    layer(x_of(1.0, 1.0, requires_grad=False)).sum().backward()
    layer.register_full_backward_hook(lambda m, gi, go: (go[0],))
    with pytest.raises(GraphError, match="no input requires gradient should always return None"):
        layer(x_of(1.0, 1.0, requires_grad=False)).sum().backward()


class Several(nn.Module):
    def forward(self, a, b, text="", *, scale=1.0):
        return a * 2, text, b * scale


def test_several_inputs_and_outputs(log):
    module, a, b = Several(), x_of(1.0), x_of(1.0)
    watch(module, log)
    y = module(a, b, "text", scale=3.0)
    assert y[1] == "text"
    (y[0] + y[2]).backward()
    assert log == [(([2], [3], None), ([1], None, [1]))]


def test_outputs_that_are_not_used(log):
    module, a, b = Several(), x_of(1.0), x_of(1.0)
    watch(module, log)
    module(a, b)[0].backward()
    assert log == [(([2], [0]), ([1], None, None))]
    assert a.grad.tolist() == [[2]] and b.grad.tolist() == [[0]]


def test_nested_modules_one_after_the_other(log):
    net = nn.Sequential(linear(), nn.Tanh(), linear())
    for name, module in net.named_modules():
        module.register_full_backward_hook(lambda m, gi, go, name=name: log.append(name))
    net(x_of(0.1, 0.2)).sum().backward()
    assert log == ["2", "1", "0", ""]


def test_second_derivatives_pass_and_hooks_see_only_what_comes_through_the_output(log):
    layer, x = nn.Sequential(nn.Tanh()), x_of(0.5, -0.3)
    watch(layer, log)
    (g,) = gp.autograd.grad(layer(x).sum(), x, create_graph=True)
    assert len(log) == 1
    g.sum().backward()
    t = x.detach().tanh()
    assert bool(gp.allclose(x.grad, -2 * t * (1 - t * t)))


def test_the_graph_can_be_walked_twice(log):
    layer = linear()
    watch(layer, log)
    y = layer(x_of(1.0, 1.0)).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert log[0] == log[1]


def test_nothing_is_watched_without_a_graph(log):
    layer, x = linear(), x_of(1.0, 1.0)
    watch(layer, log)
    with gp.no_grad():
        y = layer(x)
    assert not y.requires_grad and y.grad_fn is None


@pytest.mark.parametrize(
    ("register", "hook", "words"),
    [
        (
            "register_full_backward_hook",
            lambda m, gi, go: gi * 2,
            "hook returned an invalid number of grad_input, got 2",
        ),
        (
            "register_full_backward_pre_hook",
            lambda m, go: go * 3,
            "pre hook returned .* grad_output, got 3, but expected 1",
        ),
    ],
)
def test_wrong_number_of_gradients(register, hook, words):
    layer = linear()
    getattr(layer, register)(hook)
    y = layer(x_of(1.0, 1.0)).sum()
    with pytest.raises(GraphError, match=f"Backward {words}"):
        y.backward()


def test_in_place_changes_of_what_is_watched_are_refused(log):
    relu = nn.ReLU(inplace=True)
    watch(relu, log)
    x = x_of(1.0, -1.0) * 2
    with pytest.raises(GraphError, match="ReLU: relu_: Output 0 of a function that returns multiple views"):
        relu(x)
    assert x.tolist() == [[2, -2]]
    layer = linear()
    watch(layer, log)
    with pytest.raises(GraphError, match="mul_: Output 0"):
        layer(x).mul_(2)


def test_changes_of_an_input_after_the_call_are_noticed(log):
    class Square(nn.Module):
        def forward(self, x):
            return x * x

    square, x = Square(), x_of(1.0) * 1
    watch(square, log)
    y = square(x)
    with gp.no_grad():
        x.mul_(2)
    with pytest.raises(GraphError, match="modified by an inplace operation"):
        y.backward()
