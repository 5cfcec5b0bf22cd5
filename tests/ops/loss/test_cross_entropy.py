import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpunn as gp
from gpunn.errors import ArgumentError, DeviceError, DtypeError, GraphError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
RNG = np.random.default_rng(0)
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])


def log_softmax(x, axis):
    z = x - x.max(axis=axis, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=axis, keepdims=True))


def expected(x, share, divisor, reduction):
    """-Σ_c share log softmax(x), reduced; classes are on axis 1, or on 0 of a vector."""
    axis = min(1, x.ndim - 1)
    losses = -(share * log_softmax(x, axis)).sum(axis)
    return losses.sum() / divisor if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def shares(labels, classes, weight, ignore_index, smoothing):
    """The table of shares by its definition, one row after the other, and the sum of the labels' weights."""
    table, divisor = np.zeros((*labels.shape, classes)), 0.0
    for place in np.ndindex(labels.shape):
        if labels[place] != ignore_index:
            table[place] = weight * smoothing / classes
            table[(*place, labels[place])] += weight[labels[place]] * (1 - smoothing)
            divisor += weight[labels[place]]
    return np.moveaxis(table, -1, min(1, labels.ndim)), divisor


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("rest", [(), (3,), (2, 3)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("ignore_index", [-100, 2])
def test_labels(reduction, rest, smoothing, weight, ignore_index, device):
    labels = RNG.integers(0, 4, (5, *rest))
    if ignore_index < 0:
        labels.flat[3] = ignore_index
    target = gp.tensor(labels, device=device)
    own = None if weight is None else gp.tensor(weight, device=device)

    def op(x):
        kind = {"weight": own, "ignore_index": ignore_index, "label_smoothing": smoothing, "reduction": reduction}
        return F.cross_entropy(x, target, **kind)

    table, divisor = shares(labels, 4, np.ones(4) if weight is None else weight, ignore_index, smoothing)
    x = RNG.normal(0, 3, (5, 4, *rest))
    check_op(op, lambda x: expected(x, table, divisor, reduction), [x], device)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_probabilities(reduction, shape, smoothing, weight, device):
    own = None if weight is None else gp.tensor(weight, device=device)
    column = (np.ones(4) if weight is None else weight).reshape(-1, *(1,) * (len(shape) - 2))

    def op(x, target):
        return F.cross_entropy(x, target, own, label_smoothing=smoothing, reduction=reduction)

    def reference(x, target):
        share = column * ((1 - smoothing) * target + smoothing / 4)
        return expected(x, share, x.size / 4, reduction)

    inputs = [RNG.normal(0, 3, shape), RNG.uniform(0, 1, shape)]
    check_op(op, reference, inputs, device)
    if weight is None:
        check_dtypes(op, reference, inputs, device, factor=4)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("rest", [(), (2, 3)])
def test_nll_loss(reduction, weight, rest, device):
    labels = RNG.integers(0, 4, (5, *rest))
    labels.flat[2] = 9
    target = gp.tensor(labels, device=device)
    own = None if weight is None else gp.tensor(weight, device=device)
    table, divisor = shares(labels, 4, np.ones(4) if weight is None else weight, 9, 0.0)

    def reference(logp):
        losses = -(table * logp).sum(1)
        return {"mean": losses.sum() / divisor, "sum": losses.sum(), "none": losses}[reduction]

    def op(logp):
        return F.nll_loss(logp, target, own, ignore_index=9, reduction=reduction)

    check_op(op, reference, [(5, 4, *rest)], device)


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_one_row_without_a_batch(loss, reduction, device):
    target = gp.tensor(2, device=device)

    def reference(x):
        return -(x if loss is F.nll_loss else log_softmax(x, 0))[2]

    check_op(lambda x: loss(x, target, reduction=reduction), reference, [(4,)], device)


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_half_types(loss, reduction, device):
    labels = RNG.integers(0, 4, 50)
    target = gp.tensor(labels, device=device)
    table, divisor = shares(labels, 4, np.ones(4), -100, 0.0)

    def reference(x):
        if loss is F.cross_entropy:
            return expected(x, table, divisor, reduction)
        losses = -(table * x).sum(1)
        return {"mean": losses.sum() / 50, "sum": losses.sum(), "none": losses}[reduction]

    check_dtypes(lambda x: loss(x, target, reduction=reduction), reference, [(50, 4)], device)


@pytest.mark.parametrize("dtype", [gp.float16, gp.bfloat16])
@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_a_batch_larger_than_half_types_can_count(loss, dtype, device):
    """70 000 rows do not fit into float16, and 257 not into bfloat16's digits."""
    x = gp.zeros(70_000, 2, dtype=dtype, device=device).requires_grad_()
    y = loss(x, gp.zeros(70_000, dtype=gp.int64, device=device))
    y.backward(gp.tensor(7000.0, dtype=dtype, device=device))
    exact = -0.05 if loss is F.cross_entropy else -0.1
    np.testing.assert_allclose(x.grad[3].tolist()[0], exact, rtol=4e-3)


def test_scores_of_any_size(device):
    x = gp.tensor([[1e4, -1e4, 0], [1e38, -1e38, 3e38], [-np.inf, 0, 0]], device=device, requires_grad=True)
    y = F.cross_entropy(x, gp.tensor([1, 0, 2], device=device), reduction="none")
    np.testing.assert_allclose(y.tolist(), [2e4, 2e38, np.log(2)], rtol=1e-6)
    y.backward(gp.ones(3, device=device))
    assert x.grad.tolist() == [[1, -1, 0], [-1, 0, 1], [0, 0.5, -0.5]]


def test_ignored_rows_count_for_nothing_whatever_their_scores(device):
    x = gp.tensor([[-np.inf, 0.0], [1.0, 2.0]], device=device, requires_grad=True)
    y = F.cross_entropy(x, gp.tensor([-100, 0], device=device))
    y.backward()
    np.testing.assert_allclose(y.item(), np.log1p(np.exp(1)), rtol=1e-6)
    assert x.grad[0].tolist() == [0, 0]


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_no_label_counts(loss, device):
    x = gp.ones(2, 3, device=device, requires_grad=True)
    y = loss(x, gp.full((2,), -100, device=device))
    y.backward()
    assert np.isnan(y.item()) and x.grad.tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("reduction", "value"), [("mean", np.nan), ("sum", 0.0), ("none", [])])
@pytest.mark.parametrize("target", [gp.zeros(0, dtype=gp.int64), gp.zeros(0, 3)])
def test_empty_batch(target, reduction, value, device):
    x = gp.zeros(0, 3, device=device, requires_grad=True)
    y = F.cross_entropy(x, target.to(device), reduction=reduction)
    np.testing.assert_array_equal(y.tolist(), value)
    y.sum().backward()
    assert x.grad.shape == (0, 3)


@given(st.data())
def test_equals_nll_loss_of_log_softmax(data):
    classes, rows = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 5))
    numbers = st.floats(-30, 30)
    x = gp.tensor([[data.draw(numbers) for _ in range(classes)] for _ in range(rows)], dtype=gp.float64)
    t = gp.tensor([data.draw(st.integers(0, classes - 1)) for _ in range(rows)])
    one, two = F.cross_entropy(x, t), F.nll_loss(F.log_softmax(x, 1), t)
    np.testing.assert_allclose(one.item(), two.item(), rtol=1e-12, atol=1e-14)
    same = F.cross_entropy(x, F.one_hot(t, classes).double())
    np.testing.assert_allclose(same.item(), two.item(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [gp.uint8, gp.int8, gp.int16, gp.int32])
def test_labels_of_any_integer_dtype(dtype):
    x = gp.tensor([[1.0, 2.0, 3.0]])
    assert F.cross_entropy(x, gp.tensor([1], dtype=dtype)).item() == F.cross_entropy(x, gp.tensor([1])).item()


SHAPES = [
    ((2, 3), (2, 1), r"scores of shape \(2, 3\) must have shape \(2,\), got \(2, 1\)"),
    ((2, 3), (3,), r"Expected input batch_size \(2\) to match target batch_size \(3\); the shapes are \(2, 3\) and"),
    ((2, 3, 4), (2, 5), r"must have shape \(2, 4\), got \(2, 5\)"),
    ((3,), (1,), r"scores of shape \(3,\) must have shape \(\), got \(1,\)"),
    ((), (), r"input must have a dimension of classes: .*, got \(\)"),
    ((2, 0), (2,), r"labels but no classes: shapes \(2, 0\) and \(2,\)"),
]


@pytest.mark.parametrize(("scores", "labels", "words"), SHAPES)
@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_shapes_that_do_not_fit(loss, scores, labels, words):
    with pytest.raises(ShapeError, match=rf"^{loss.__name__}: .*{words}"):
        loss(gp.zeros(scores), gp.zeros(labels, dtype=gp.int64))


def test_arguments_that_do_not_fit(device):
    x, t = gp.zeros(2, 3, device=device), gp.tensor([0, 1], device=device)
    p = gp.zeros(2, 3, device=device)
    three = gp.ones(3, device=device)
    cases = [
        (ShapeError, r"probabilities must have the shape of input, \(2, 3\), got \(2,\)", (x, gp.zeros(2)), {}),
        (ShapeError, r"either for all 3 classes .* of shape: \[2\]", (x, t, gp.ones(2)), {}),
        (DtypeError, "expected scalar type float32 but found float64 for weight", (x, t, three.double()), {}),
        (DtypeError, r"labels of an integer dtype, got gpunn.bool; use target.long\(\)", (x, t.bool()), {}),
        (DtypeError, r"scores of gpunn.int64; use x.float\(\)", (x.long(), t), {}),
        (ArgumentError, "label_smoothing must be between 0.0 and 1.0. Got: 1.5", (x, t), {"label_smoothing": 1.5}),
        (ArgumentError, "ignore_index is not supported for floating point target", (x, p), {"ignore_index": 1}),
        (GraphError, "not differentiable with respect to weight", (x, t, three.clone().requires_grad_()), {}),
    ]
    for error, words, arguments, options in cases:
        with pytest.raises(error, match=f"^cross_entropy: .*{words}"):
            F.cross_entropy(*arguments, **options)


def test_devices_must_be_the_same(device):
    if device == "cpu":
        pytest.skip("there is one device only")
    x, t = gp.zeros(2, 3, device=device), gp.tensor([0, 1], device=device)
    with pytest.raises(DeviceError, match=r"cross_entropy: .*\(2, 3\) on cuda:0 and one of shape \(2,\) on cpu"):
        F.cross_entropy(x, t.cpu())
    with pytest.raises(DeviceError, match=r"\(2, 3\) on cuda:0 and one of shape \(3,\) on cpu"):
        F.cross_entropy(x, t, gp.ones(3))
