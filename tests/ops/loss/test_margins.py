import numpy as np
import pytest

import gpunn as gp
from gpunn.errors import ArgumentError, DtypeError, ShapeError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
RNG = np.random.default_rng(0)
A, B, C = (RNG.normal(size=(4, 6)) for _ in range(3))
REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": np.asarray}


def check(loss, reference, inputs, constants, device, **options):
    own = [gp.tensor(c, device=device) for c in constants]
    for name, reduce in REDUCTIONS.items():

        def op(*x, name=name):
            return loss(*x, *[c.to(x[0].dtype) if c.is_floating_point() else c for c in own], reduction=name, **options)

        def expected(*x, reduce=reduce):
            return reduce(reference(*x, *constants))

        check_op(op, expected, inputs, device, rtol=1e-10)
        check_dtypes(op, expected, inputs, device, factor=6)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_margin_ranking_loss(margin, device):
    y = np.where(RNG.normal(size=(4, 6)) > 0, 1.0, -1.0)
    check(
        F.margin_ranking_loss, lambda a, b, y: np.maximum(0, margin - y * (a - b)), [A, B], [y], device, margin=margin
    )


def test_cosine_embedding_loss(device):
    def reference(a, b, y):
        cosine = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
        return np.where(y == 1, 1 - cosine, np.maximum(0, cosine + 0.3))

    check(F.cosine_embedding_loss, reference, [A, B], [np.array([1, -1, -1, 1])], device, margin=-0.3)
    check(F.cosine_embedding_loss, reference, [A[0], B[0]], [np.array(1)], device, margin=-0.3)


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, 6)])
def test_multi_margin_loss(p, weight, device):
    own = None if weight is None else gp.tensor(weight, device=device)

    def reference(x, t):
        own = np.ones(6) if weight is None else weight
        rows = []
        for row, label in zip(x, t, strict=True):
            others = [max(0, 0.5 - row[label] + row[c]) ** p for c in range(6) if c != label]
            rows.append(own[label] * sum(others) / 6)
        return np.array(rows)

    def loss(x, t, reduction):
        return F.multi_margin_loss(x, t, p, 0.5, None if own is None else own.to(x.dtype), reduction=reduction)

    check(loss, reference, [A], [np.array([0, 5, 2, 2])], device)


def test_multilabel_margin_loss(device):
    labels = np.array([[0, 3, -1, 1, 2, 4], [5, -1, 0, 0, 0, 0], [-1, 1, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5]])

    def reference(x, t):
        rows = []
        for row, given in zip(x, t, strict=True):
            mine = list(given[: list(given).index(-1)]) if -1 in given else list(given)
            rest = [max(0, 1 - row[j] + row[c]) for j in mine for c in range(6) if c not in mine]
            rows.append(sum(rest) / 6)
        return np.array(rows)

    check(F.multilabel_margin_loss, reference, [A], [labels], device)


@pytest.mark.parametrize("weight", [None, np.linspace(0.5, 2, 6)])
def test_multilabel_soft_margin_loss(weight, device):
    t = RNG.integers(0, 2, (4, 6)).astype(np.float64)

    def reference(x, t):
        losses = t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
        return (losses * (1 if weight is None else weight)).mean(-1)

    def loss(x, t, reduction):
        own = None if weight is None else gp.tensor(weight, device=device).to(x.dtype)
        return F.multilabel_soft_margin_loss(x, t, own, reduction=reduction)

    check(loss, reference, [A], [t], device)


def test_one_row_without_a_batch(device):
    x = gp.tensor([0.1, 0.5, 0.2], dtype=gp.float64, device=device)
    assert F.multi_margin_loss(x, gp.tensor(1, device=device), reduction="none").shape == ()
    np.testing.assert_allclose(F.multi_margin_loss(x, gp.tensor(1, device=device)).item(), (0.6 + 0.7) / 3)
    y = F.multilabel_margin_loss(x, gp.tensor([1, -1, 0], device=device))
    np.testing.assert_allclose(y.item(), (0.6 + 0.7) / 3)


def test_errors():
    x, labels = gp.ones(2, 3), gp.tensor([0, 1])
    cases = [
        (ShapeError, "cosine_embedding_loss: 0D or 1D target tensor expected", F.cosine_embedding_loss, (x, x, x)),
        (ShapeError, r"multi_margin_loss: inconsistent target size", F.multi_margin_loss, (x, gp.tensor([0]))),
        (ArgumentError, "only p == 1 and p == 2 supported, got 3", F.multi_margin_loss, (x, labels, 3)),
        (ShapeError, "inconsistent weight size", F.multi_margin_loss, (x, labels, 1, 1.0, gp.ones(2))),
        (DtypeError, "labels of an integer dtype, got gpunn.float32", F.multi_margin_loss, (x, gp.ones(2))),
        (DtypeError, "not implemented for gpunn.int64", F.multi_margin_loss, (x.long(), labels)),
        (ShapeError, "Expected non-empty vector or matrix", F.multi_margin_loss, (gp.ones(1, 2, 3), labels)),
        (ShapeError, "inconsistent target size", F.multilabel_margin_loss, (x, labels)),
    ]
    for error, words, loss, arguments in cases:
        with pytest.raises(error, match=words):
            loss(*arguments)


def test_hinge_embedding_refuses_what_has_no_value(device):
    target = gp.tensor([1.0, -1.0], device=device)
    with pytest.raises(RuntimeError, match=r"hinge_embedding_loss: not implemented for gpunn\.bool"):
        F.hinge_embedding_loss(gp.tensor([True, False], device=device), target, reduction="none")
    with pytest.raises(RuntimeError, match=r"hinge_embedding_loss: not implemented for gpunn\.int64"):
        F.hinge_embedding_loss(gp.tensor([1, 2], device=device), target)
