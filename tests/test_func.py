from collections import OrderedDict, defaultdict, deque, namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gpunn as gp
from gpunn.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap
from gpunn.func.trees import described, leaves, mapped

Point = namedtuple("Point", "x y")


def vector(device, *values):
    return gp.tensor(values or (1.0, 2.0, 3.0), dtype=gp.float64, device=device)


def test_grad_is_a_function_of_the_same_arguments(device):
    x = vector(device)
    assert grad(lambda x: (x**2).sum())(x).tolist() == [2, 4, 6]
    assert not x.requires_grad and x.grad is None
    assert grad(lambda a, b: (a * b**2).sum(), argnums=-1)(x, x).tolist() == [2, 8, 18]
    assert [g.tolist() for g in grad(lambda a, b: (a * b).sum(), argnums=(1, 0))(x, x * 2)] == [[1, 2, 3], [2, 4, 6]]
    assert grad(lambda a, b: (a * b).sum())(x, b=x).tolist() == [1, 2, 3]
    assert grad(lambda a: gp.ones((), device=device))(x).tolist() == [0, 0, 0]


def test_gradients_by_nests(device):
    x = vector(device)
    found = grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": [x * 2, x]})
    assert found["a"].tolist() == [2, 4, 6] and [g.tolist() for g in found["b"]] == [[1, 2, 3], [0, 0, 0]]
    point = grad(lambda p: (p.x * p.y).sum())(Point(x, x * 3))
    assert isinstance(point, Point) and point.y.tolist() == [1, 2, 3]
    assert grad(lambda empty, y: y.sum())((), x.clone().requires_grad_()) == ()


def test_transforms_nest(device):
    x = vector(device)
    assert grad(lambda x: grad(lambda x: (x**3).sum())(x).sum())(x).tolist() == [6, 12, 18]
    cubed = lambda x: x**3  # noqa: E731
    assert grad(grad(grad(cubed)))(x[1]).item() == 6
    for transform in (jacrev, jacfwd):
        np.testing.assert_allclose(transform(grad(lambda x: (x**3).sum()))(x).tolist(), np.diag([6.0, 12, 18]))
    _, tangent = jvp(grad(lambda x: (x**3).sum()), (x,), (x,))
    assert tangent.tolist() == [6, 24, 54]


def test_what_is_differentiated_again(device):
    x, w = vector(device), vector(device).requires_grad_()
    plain, again = (grad(lambda x, f=f: (f * x**2).sum())(x) for f in (w.detach(), w))
    assert plain.grad_fn is None and again.requires_grad
    again.sum().backward()
    assert w.grad.tolist() == [2, 4, 6]
    gradient, value = grad_and_value(lambda x: (w * x).sum())(x)
    assert value.grad_fn is not None and gp.autograd.grad(gradient.sum(), w)[0].tolist() == [1, 1, 1]
    with gp.no_grad():
        assert not grad(lambda x: (w * x**2).sum())(x).requires_grad
    assert not grad(lambda x: (x**2).sum())(x).requires_grad
    assert gp.autograd.grad(grad(lambda x: (x**3).sum())(w).sum(), w)[0].tolist() == [6, 12, 18]
    made_before = w * 2
    assert grad(lambda x: (made_before * x).sum())(x).grad_fn is not None


@pytest.mark.parametrize("transform", [jacrev, jacfwd])
def test_transforms_compute_the_same_without_a_graph_around_them(transform, device):
    x = vector(device)
    with gp.no_grad():
        found = transform(lambda x: x**2)(x), hessian(lambda x: (x**3).sum())(x), jvp(lambda x: x**2, (x,), (x,))[1]
    assert [f.tolist() for f in found] == [np.diag([2, 4, 6]).tolist(), np.diag([6, 12, 18]).tolist(), [2, 8, 18]]
    assert not any(f.requires_grad for f in found)


def test_leaves_of_transforms_that_are_over_are_no_reason_to_differentiate_again(device):
    x = vector(device)
    pull = vjp(lambda x: x**3, x)[1]
    push = linearize(lambda x: x**3, x)[1]
    found = (
        grad(lambda u: vjp(lambda x: x**3, x)[1](u)[0].sum())(x),
        grad(lambda v: jvp(lambda x: (x**3).sum(), (x,), (v,))[1])(x),
        vjp(pull, x)[1]((x,))[0],
        vjp(push, x)[1](x)[0],
    )
    assert [f.tolist() for f in found] == [[3, 12, 27], [3, 12, 27], [3, 24, 81], [3, 24, 81]]
    assert not any(f.requires_grad for f in found)


def test_threads_have_transforms_of_their_own():
    x = vector("cpu")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: hessian(lambda x: (x**3).sum() * k)(x).tolist(), range(40)))
    assert found == [np.diag([6.0 * k, 12 * k, 18 * k]).tolist() for k in range(40)]


def test_aux(device):
    x = vector(device)
    gradient, aux = grad(lambda x: ((x**2).sum(), {"doubled": x * 2}), has_aux=True)(x)
    assert gradient.tolist() == aux["doubled"].tolist() == [2, 4, 6] and aux["doubled"].grad_fn is None
    gradient, (value, aux) = grad_and_value(lambda x: ((x**2).sum(), x), has_aux=True)(x)
    assert value.item() == 14 and aux.tolist() == [1, 2, 3]
    for transform in (jacrev, jacfwd):
        jacobian, aux = transform(lambda x: (x * 2, x), has_aux=True)(x)
        assert jacobian.tolist() == np.diag([2, 2, 2]).tolist() and not aux.requires_grad
    assert jvp(lambda x: (x * 2, x), (x,), (x,), has_aux=True)[2].tolist() == [1, 2, 3]
    assert vjp(lambda x: (x * 2, x), x, has_aux=True)[2].tolist() == [1, 2, 3]
    for wrong in (lambda x: x.sum(), lambda x: (x.sum(), 3)):
        with pytest.raises(RuntimeError, match=r"should be a tuple|Expected tensors"):
            grad(wrong, has_aux=True)(x)


def test_vjp(device):
    x = vector(device)
    value, pull = vjp(lambda a, b: {"p": a * b, "s": [a.sum()]}, x, x * 2)
    assert value["p"].tolist() == [2, 8, 18] and value["p"].grad_fn is None
    for _ in range(2):
        to_a, to_b = pull({"s": [gp.ones((), dtype=gp.float64, device=device)], "p": x})
        assert to_a.tolist() == [3, 9, 19] and to_b.tolist() == [1, 4, 9]
    with pytest.raises(RuntimeError, match="structure of cotangents"):
        pull({"p": x})
    with pytest.raises(RuntimeError, match="shape"):
        vjp(lambda x: x * 2, x)[1](x[:2])
    with pytest.raises(RuntimeError, match="only tensors"):
        vjp(lambda x: 3, x)
    with pytest.raises(RuntimeError, match="at least one primal"):
        vjp(lambda: x)
    with pytest.raises(TypeError, match="Tensors, but got float"):
        vjp(lambda x: x.sum(), x)[1](2.0)
    for transform in (lambda f: vjp(f, x), lambda f: jacrev(f)(x)):
        with pytest.raises(RuntimeError, match="must be floating-point"):
            transform(lambda x: (x * 2, x.argmax()))
    w = vector(device).requires_grad_()
    assert vjp(lambda x: x * w, x)[1](x)[0].requires_grad


def test_jvp(device):
    x = vector(device)
    value, tangent = jvp(lambda x: x.sin(), (x,), (x,))
    np.testing.assert_allclose(value.tolist(), np.sin([1, 2, 3]))
    np.testing.assert_allclose(tangent.tolist(), [1, 2, 3] * np.cos([1, 2, 3]))
    several = jvp(lambda a, b: (a * b, {"s": a.sum(), "n": gp.arange(2, device=device)}), (x, x), (x, x * 0))[1]
    assert several[0].tolist() == [1, 4, 9] and several[1]["s"].item() == 6 and several[1]["n"].tolist() == [0, 0]
    value, push = linearize(lambda x: x**2, x)
    assert value.tolist() == [1, 4, 9] and [push(x * k).tolist() for k in (1, 2)] == [[2, 8, 18], [4, 16, 36]]
    w = vector(device).requires_grad_()
    again = jvp(lambda x: w * x, (x,), (x,))[1]
    assert gp.autograd.grad(again.sum(), w)[0].tolist() == [1, 2, 3]
    assert jvp(lambda x: gp.ones(2, device=device), (x,), (x,))[1].tolist() == [0, 0]


def test_errors_of_jvp():
    x = gp.ones(3)
    for primals, tangents, text in (
        (x, (x,), "to be a tuple"),
        ((x,), x, "same python structure"),
        ((x,), (x, x), "same python structure"),
        ((x,), (gp.ones(2),), "shape of its primal"),
    ):
        with pytest.raises(RuntimeError, match=text):
            jvp(gp.sin, primals, tangents)
    with pytest.raises(ValueError, match="must be Tensor"):
        jvp(gp.sin, (x,), (1.0,))
    for primal, tangent, text in ((x.int(), x, "primal to be float"), (x, x.int(), "tangent to be float")):
        with pytest.raises(ValueError, match=text):
            jvp(gp.sin, (primal,), (tangent,))
    w = gp.ones(2, requires_grad=True)
    for results in (lambda x: gp.ones(2), lambda x: (x * 1, w * 1)):
        with pytest.raises(RuntimeError, match="independent of the inputs"):
            jvp(results, (x,), (x,), strict=True)
    assert jvp(lambda x, y: (x * w[0], x), (x, x), (x, x), strict=True)[1][0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("transform", [jacrev, jacfwd])
def test_jacobians(transform, device):
    x = vector(device)
    a = gp.tensor([[1.0, 2, 3], [4, 5, 6]], dtype=gp.float64, device=device)
    assert transform(lambda x: a @ x)(x).tolist() == a.tolist()
    rows = transform(lambda p, q: (p * q, {"s": p.sum()}), argnums=(0, 1))(x, x * 2)
    assert rows[0][1].tolist() == np.diag([1, 2, 3]).tolist()
    assert rows[1]["s"][0].tolist() == [1, 1, 1] and rows[1]["s"][1].tolist() == [0, 0, 0]
    assert transform(lambda d: d["a"] * 2)({"a": x})["a"].shape == (3, 3)
    assert transform(lambda x: x[:0])(x).shape == (0, 3)
    assert transform(lambda x: x.sum())(x[:0]).shape == (0,)
    assert transform(lambda x: x[None, :2])(x).shape == (1, 2, 3)
    w = vector(device).requires_grad_()
    assert transform(lambda x: x * w)(x).requires_grad and not transform(lambda x: x * 2)(x).requires_grad


def test_hessian(device):
    x = vector(device)
    assert hessian(lambda x: (x**3).sum())(x).tolist() == np.diag([6.0, 12, 18]).tolist()
    blocks = hessian(lambda a, b: (a * a * b).sum(), argnums=(0, 1))(x, x)
    assert blocks[0][1].tolist() == np.diag([2.0, 4, 6]).tolist() and blocks[1][1].tolist() == np.zeros((3, 3)).tolist()


def test_errors_of_transforms():
    x = gp.ones(3)
    for argnums, text in ((2, "only 1"), ((0, 0), "unique"), ((), "non-empty"), ("a", "int or"), ((True,), "int or")):
        with pytest.raises(RuntimeError, match=text):
            grad(lambda x: x.sum(), argnums=argnums)(x)
    for result, text in ((gp.ones(1), "scalar Tensor"), (3.0, "to return a Tensor")):
        with pytest.raises(RuntimeError, match=text):
            grad(lambda x, result=result: result)(x)
    with pytest.raises(ValueError, match="must be Tensor"):
        grad(lambda x: x)(3.0)
    with pytest.raises(ValueError, match="greater than 0"):
        jacrev(gp.sin, chunk_size=0)
    with pytest.raises(ValueError, match="randomness"):
        jacfwd(gp.sin, randomness="none")
    with pytest.raises(RuntimeError, match="non-empty output"):
        jacrev(lambda x: ())(x)


def test_trees():
    tree = OrderedDict(a=1, b=(2, [3], Point(4, 5)))
    assert mapped(lambda n: n * 2, tree) == OrderedDict(a=2, b=(4, [6], Point(8, 10)))
    queue, table = mapped(lambda n: n * 2, (deque([1], 3), defaultdict(list, a=1)))
    assert queue == deque([2]) and queue.maxlen == 3 and table["a"] == 2 and table["other"] == []
    assert leaves(tree) == [1, 2, 3, 4, 5] and described({"a": (1, None)}) == "{'a': (*, *)}"
    assert mapped(lambda a, b: a + b, {"a": 1, "b": 2}, {"b": 20, "a": 10}) == {"a": 11, "b": 22}
    for other in ({"a": 1}, [1, 2], {"a": 1, "b": [2]}):
        with pytest.raises(RuntimeError, match="structure"):
            mapped(lambda a, b: a, {"a": 1, "b": 2}, other)


def test_gradients_of_a_module_as_a_function(device):
    gp.manual_seed(0)
    model = gp.nn.Sequential(gp.nn.Linear(3, 4), gp.nn.Tanh(), gp.nn.Linear(4, 1)).to(device)
    x, y = gp.randn(5, 3, device=device), gp.randn(5, 1, device=device)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    found = grad(lambda p: gp.nn.functional.mse_loss(functional_call(model, p, x), y))(parameters)
    gp.nn.functional.mse_loss(model(x), y).backward()
    for name, p in model.named_parameters():
        assert found[name].tolist() == p.grad.tolist() and not found[name].requires_grad
    whole = functional_call(model, ({"0.weight": parameters["0.weight"] * 0}, {"2.bias": parameters["2.bias"]}), x)
    assert not gp.equal(whole, model(x))


def test_errors_of_functional_call():
    model = gp.nn.Linear(2, 2)
    for wrong, text in ((5, "dict, or a list"), ([5], "to be dictionaries"), (({"a": 1}, {"a": 1}), "multiple dict")):
        with pytest.raises(ValueError, match=text):
            functional_call(model, wrong, gp.ones(2))


def test_vmap_calls_with_each_example(device):
    """Where Python looks at numbers, too."""
    x = gp.tensor([[1.0, 2], [-3, 4], [5, -6]], device=device)
    largest = vmap(lambda row: row[0] if row[0].item() > 0 else row.max())
    assert largest(x).tolist() == [1, 4, 5] and largest(x).device == x.device
    assert vmap(lambda a, scale: a * scale)(x, scale=2).tolist() == (x * 2).tolist()
    assert vmap(gp.dot, (0, None))(x, x[0]).tolist() == [5, 5, -7]


@pytest.mark.parametrize(("randomness", "is_same"), [("different", False), ("same", True)])
def test_random_numbers_of_examples(randomness, is_same):
    gp.manual_seed(0)
    found = vmap(lambda a: a + gp.rand(4), randomness=randomness)(gp.zeros(3, 4))
    assert (found[0] == found[1]).all().item() == (found[1] == found[2]).all().item() == is_same
    assert not (gp.rand(4) == found[2]).any().item()


def test_vmap_of_no_example_keeps_dtype_and_shape():
    found = vmap(lambda a, b: (a > 0, b.outer(b)), (1, 0), (0, 2))(gp.zeros(3, 0, dtype=gp.int32), gp.zeros(0, 4))
    assert [(t.shape, t.dtype) for t in found] == [((0, 3), gp.bool), ((4, 4, 0), gp.float32)]


def test_vmap_of_nothing_that_is_divided():
    with pytest.raises(ValueError, match="at least one input must be divided"):
        vmap(lambda a: a, (None,))(gp.ones(3))
