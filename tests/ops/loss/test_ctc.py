import itertools

import numpy as np
import pytest

import gpunn as gp
from gpunn import backend, emulator
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, IndexRangeError, ShapeError, UnsupportedError
from tests.harness import check_dtypes, check_op

F = gp.nn.functional
LABELS = np.array([[1, 1, 2], [2, 1, 0], [2, 0, 0], [0, 0, 0]])  # the first 3, 2, 1, 0 count
INPUTS, COUNTS = [5, 4, 3, 5], [3, 2, 1, 0]
FLAT = np.concatenate([row[:k] for row, k in zip(LABELS, COUNTS, strict=True)])
X = np.random.default_rng(0).normal(0, 2, (5, 4, 3))


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def spelled(path, blank=0):
    return [c for c, _ in itertools.groupby(path) if c != blank]


def by_all_paths(logp, labels, blank=0):
    """-log of the sum over every path that spells the labels."""
    paths = itertools.product(range(logp.shape[1]), repeat=len(logp))
    found = [sum(logp[t, c] for t, c in enumerate(p)) for p in paths if spelled(p, blank) == list(labels)]
    return -np.log(np.sum(np.exp(found))) if found else np.inf


def reference(x, reduction):
    logp = log_softmax(x)
    pairs = enumerate(zip(INPUTS, COUNTS, strict=True))
    losses = np.array([by_all_paths(logp[:t, n], LABELS[n, :k]) for n, (t, k) in pairs])
    return {"none": losses, "sum": losses.sum(), "mean": (losses / np.maximum(COUNTS, 1)).mean()}[reduction]


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("flat", [False, True])
def test_all_paths(reduction, flat, device):
    targets = gp.tensor(FLAT if flat else LABELS, device=device)

    def op(x):
        return F.ctc_loss(F.log_softmax(x, 2), targets, INPUTS, gp.tensor(COUNTS), reduction=reduction)

    check_op(op, lambda x: reference(x, reduction), [X], device, derivatives=1, rtol=1e-11)
    check_dtypes(op, lambda x: reference(x, reduction), [X], device, ("float16", "float32"), factor=30)


def with_lengths_on_gpu(inputs=INPUTS, counts=COUNTS, labels=LABELS):
    """The loss and the gradient, and how often the host has waited."""
    x = gp.tensor(X, dtype=gp.float64, device="cuda", requires_grad=True)
    given = [n if isinstance(n, tuple) else gp.tensor(n, device="cuda") for n in (inputs, counts)]
    targets = gp.tensor(labels, device="cuda")
    before = emulator.synchronisations.count
    y = F.ctc_loss(F.log_softmax(x, 2), targets, *given)
    y.backward()
    waited = emulator.synchronisations.count - before
    return y.item(), backend.asnumpy(x.grad.array), waited


def test_lengths_on_a_gpu_are_not_waited_for():
    with emulator.enable(check=True):
        x = gp.tensor(X, device="cuda", requires_grad=True)
        y = F.ctc_loss(F.log_softmax(x, 2), gp.tensor(LABELS, device="cuda"), INPUTS, COUNTS)
        y.backward()
        for inputs, counts in ((INPUTS, COUNTS), (tuple(INPUTS), COUNTS), (INPUTS, tuple(COUNTS))):
            loss, grad, waited = with_lengths_on_gpu(inputs, counts)
            assert waited == 0 and loss == y.item()
            np.testing.assert_array_equal(grad, backend.asnumpy(x.grad.array))
        loss, grad, waited = with_lengths_on_gpu(labels=FLAT)
        assert waited == 0 and loss == y.item()
        np.testing.assert_array_equal(grad, backend.asnumpy(x.grad.array))


def test_labels_of_one_sequence_with_its_length_on_a_gpu():
    """As on the CPU, more labels than count may be there."""
    losses = []
    for device in ("cpu", "cuda"):
        with emulator.enable(check=True):
            x, targets = gp.tensor(log_softmax(X[:, :1]), device=device), gp.tensor([1, 2, 2], device=device)
            given = (gp.tensor([n], device=device) for n in (5, 2))
            losses.append(F.ctc_loss(x, targets, *given).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)


@pytest.mark.parametrize(
    ("inputs", "counts", "labels", "text"),
    [
        ([5, 6, 1, 1], COUNTS, LABELS, "Expected input_lengths to have values from 0 to 5; got 6.0 at position 1"),
        (INPUTS, [3, 2, -1, 0], LABELS, "Expected target_lengths to have values from 0 to 3; got -1.0 at position 2"),
        (INPUTS, [4, 2, 1, 0], LABELS, "Expected target_lengths to have values from 0 to 3; got 4.0 at position 0"),
        (INPUTS, [3, 2, 1, 1], FLAT, "Expected target_lengths to add up to 6, the labels of all sequences; got 7.0"),
        (INPUTS, [2, 2, 1, 0], FLAT, "Expected target_lengths to add up to 6, the labels of all sequences; got 5.0"),
        (INPUTS, [6, 6, 6, 6], FLAT, "Expected target_lengths to add up to 6, the labels of all sequences; got 24.0"),
    ],
)
def test_wrong_lengths_on_a_gpu_are_told_late(inputs, counts, labels, text):
    with emulator.enable(check=True), pytest.raises(ArgumentError, match=text):
        with_lengths_on_gpu(inputs, counts, labels)


def test_kinds_of_lengths_on_a_gpu_are_told_at_once():
    with emulator.enable():
        with pytest.raises(DtypeError, match="input_lengths must be integral"):
            with_lengths_on_gpu([1.0, 2, 3, 4])
        with pytest.raises(ShapeError, match="target_lengths must be of size batch_size: 4, got 3"):
            with_lengths_on_gpu(counts=[1, 1, 1])
        for labels in (LABELS[:3], LABELS[None], LABELS[0, 0]):
            with pytest.raises(ShapeError, match="Expected targets of 4 sequences, got shape"):
                with_lengths_on_gpu(labels=labels)


def test_without_a_batch_and_with_another_blank(device):
    x, targets = X[:, 0], gp.tensor([0, 1, 1], device=device)

    def op(x):
        return F.ctc_loss(F.log_softmax(x, 1), targets, (5,), (3,), blank=2, reduction="none")

    check_op(op, lambda x: by_all_paths(log_softmax(x), [0, 1, 1], 2), [x], device, derivatives=1, rtol=1e-11)


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_inputs_that_are_too_short(zero_infinity, device):
    x = gp.tensor(X, device=device, requires_grad=True)
    targets, counts = gp.tensor([[1, 1], [1, 2], [1, 0], [0, 0]], device=device), [2, 2, 1, 0]
    y = F.ctc_loss(F.log_softmax(x, 2), targets, [2, 0, 0, 0], counts, reduction="none", zero_infinity=zero_infinity)
    assert y.tolist() == ([0, 0, 0, 0] if zero_infinity else [np.inf, np.inf, np.inf, 0])
    if zero_infinity:
        y.sum().backward()
        assert not x.grad.any()


def test_long_lines_of_labels(device):
    """More states than threads: the loss of certain outputs is 0."""
    path = np.tile([1, 0, 2, 0], 70)
    logp = np.full((len(path), 1, 3), -800.0)
    logp[np.arange(len(path)), 0, path] = 0
    x = gp.tensor(logp, device=device, requires_grad=True)
    y = F.ctc_loss(x, gp.tensor(path[path > 0][None], device=device), [len(path)], [140])
    y.backward()
    assert y.item() == 0
    np.testing.assert_allclose(x.grad.tolist(), np.zeros_like(logp), atol=1e-12)


def test_nothing(device):
    x = gp.zeros(3, 0, 2, device=device, requires_grad=True)
    y = F.ctc_loss(x, gp.zeros(0, 4, dtype=gp.int64, device=device), [], [], reduction="sum")
    y.backward()
    assert y.item() == 0 and x.grad.shape == (3, 0, 2)


def test_a_label_out_of_range(device):
    x = gp.zeros(4, 1, 3, device=device)
    with pytest.raises(IndexRangeError, match=r"ctc_loss: index 3 at position 1 is out of bounds .* with size 3"):
        F.ctc_loss(x, gp.tensor([[1, 3]], device=device), [4], [2]).item()


def test_errors():
    x, t = gp.zeros(4, 2, 3), gp.tensor([[1, 2], [1, 2]])
    cases = [
        (ShapeError, r"log_probs must be floating, \(T, N, C\) or \(T, C\)", (gp.zeros(3), t, [4, 4], [2, 2])),
        (DtypeError, "targets must be of integral type, got gpunn.float32", (x, t.float(), [4, 4], [2, 2])),
        (ArgumentError, "Expected input_lengths to have value at most 4", (x, t, [4, 5], [2, 2])),
        (ShapeError, "target_lengths must be of size batch_size: 2, got 1", (x, t, [4, 4], [2])),
        (ArgumentError, "blank must be in label range: from 0 to 2, got 3", (x, t, [4, 4], [2, 2], 3)),
        (ShapeError, "Expected targets to have size at least 3 at dimension 1, but got 2", (x, t, [4, 4], [3, 2])),
        (ShapeError, r"Expected targets of shape \(N, S\), or \(4,\)", (x, t.reshape(-1)[:3], [4, 4], [2, 2])),
        (ShapeError, r"Expected targets of 2 sequences, got shape \(1, 2\)", (x, t[:1], [4, 4], [2, 2])),
        (ArgumentTypeError, "input_lengths must be a tensor or a sequence of integers", (x, t, 4, [2, 2])),
        (DtypeError, "input_lengths must be integral", (x, t, gp.ones(2), [2, 2])),
        (ArgumentError, "target_lengths must be 0 or more, got -1", (x, t, [4, 4], [2, -1])),
    ]
    for error, words, arguments in cases:
        with pytest.raises(error, match=f"^ctc_loss: {words}"):
            F.ctc_loss(*arguments)


def test_no_second_derivative():
    x = gp.zeros(2, 1, 2, requires_grad=True)
    y = F.ctc_loss(x, gp.tensor([[1]]), [2], [1])
    (g,) = gp.autograd.grad(y, x, gp.ones_like(y).requires_grad_(), create_graph=True)
    with pytest.raises(UnsupportedError, match="CTCBackward is not differentiable"):
        g.sum().backward()
