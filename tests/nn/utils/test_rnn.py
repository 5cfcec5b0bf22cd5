"""Padded and packed batches of sequences."""

import contextlib

import numpy as np
import pytest

import gpunn as gp
from gpunn import capture
from gpunn.errors import ArgumentError, ArgumentTypeError, ShapeError
from gpunn.nn.utils import rnn
from tests.conftest import computing_on
from tests.harness import check_op

LENGTHS = [2, 4, 1]


def padded_rows(batch_first, left=False):
    def run(*parts):
        steps = max(len(p) for p in parts)
        y = np.full((len(parts), steps, *parts[0].shape[1:]), -1.0)
        for row, part in zip(y, parts, strict=True):
            row[steps - len(part) if left else 0 :][: len(part)] = part
        return y if batch_first else y.swapaxes(0, 1)

    return run


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("rest", [(), (3,)])
def test_pad_sequence(batch_first, side, rest, device):
    check_op(
        lambda *parts: rnn.pad_sequence(parts, batch_first, -1.0, side),
        padded_rows(batch_first, side == "left"),
        [(n, *rest) for n in LENGTHS],
        device,
    )


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("rest", [(), (3,)])
def test_pack_and_pad_again(batch_first, rest, device):
    x = np.arange(1.0, 1 + 3 * 5 * int(np.prod(rest, dtype=int))).reshape(3, 5, *rest)
    given = x if batch_first else x.swapaxes(0, 1)

    def op(x):
        packed = rnn.pack_padded_sequence(x, gp.tensor(LENGTHS), batch_first, enforce_sorted=False)
        return packed.data, rnn.pad_packed_sequence(packed, batch_first, -1.0, total_length=6)[0]

    def reference(x):
        own = x if batch_first else x.swapaxes(0, 1)
        order = np.argsort(LENGTHS)[::-1]
        data = [own[b, t] for t in range(4) for b in order if LENGTHS[b] > t]
        padded = np.full((3, 6, *rest), -1.0)
        for row, part, n in zip(padded, own, LENGTHS, strict=True):
            row[:n] = part[:n]
        return np.array(data), padded if batch_first else padded.swapaxes(0, 1)

    check_op(op, reference, [given], device)


def test_a_packed_sequence(device):
    parts = [gp.tensor([1.0, 2.0], device=device), gp.tensor([3.0, 4.0, 5.0], device=device)]
    packed = rnn.pack_sequence(parts, enforce_sorted=False)
    assert packed.data.tolist() == [3, 1, 4, 2, 5]
    assert packed.batch_sizes.tolist() == [2, 2, 1]
    assert packed.batch_sizes.device.type == "cpu"
    assert packed.sorted_indices.tolist() == packed.unsorted_indices.tolist() == [1, 0]
    assert [p.tolist() for p in rnn.unpack_sequence(packed)] == [[1, 2], [3, 4, 5]]
    padded, lengths = rnn.pad_packed_sequence(packed)
    assert lengths.tolist() == [2, 3]
    assert padded.tolist() == [[1, 3], [2, 4], [0, 5]]
    assert packed.cpu().data.device.type == "cpu"
    assert packed.is_cuda == (device == "cuda")
    assert packed.float() is packed
    assert packed.half().dtype is gp.float16
    assert packed.double().to(gp.float32).dtype is gp.float32
    assert rnn.invert_permutation(gp.tensor([2, 0, 1], device=device)).tolist() == [1, 2, 0]
    sorted_ = rnn.pack_sequence(parts[::-1])
    assert sorted_.sorted_indices is None
    assert rnn.PackedSequence((sorted_.data, sorted_.batch_sizes)).batch_sizes.tolist() == [2, 2, 1]


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: rnn.pack_padded_sequence(gp.zeros(3, 2), [1, 3]), ArgumentError, "decreasing order"),
        (lambda: rnn.pack_padded_sequence(gp.zeros(3, 2), [1]), ShapeError, "batch_size=2"),
        (lambda: rnn.pack_padded_sequence(gp.zeros(3, 2), [1, 0]), ArgumentError, "greater than 0"),
        (lambda: rnn.pack_padded_sequence(gp.zeros(3, 2), [4, 1]), ShapeError, "has 3 steps"),
        (lambda: rnn.pack_padded_sequence(gp.zeros(3, 0), []), ShapeError, "empty"),
        (lambda: rnn.pack_padded_sequence(gp.zeros(3, 1), gp.tensor([[1]])), ArgumentError, "1D CPU"),
        (
            lambda: rnn.pad_packed_sequence(rnn.pack_sequence([gp.zeros(3)]), total_length=2),
            ArgumentError,
            "total_length=2",
        ),
        (lambda: rnn.pad_sequence(3), ArgumentError, "iterable"),
        (lambda: rnn.pad_sequence([]), ArgumentError, "empty list"),
        (lambda: rnn.pad_sequence([3]), ArgumentTypeError, "expected Tensors"),
        (lambda: rnn.pad_sequence([gp.zeros(2), gp.zeros(2, 2)]), ShapeError, "element 1"),
        (lambda: rnn.pad_sequence([gp.zeros(2)], padding_side="up"), ArgumentError, "left or right"),
    ],
)
def test_errors(make, kind, words):
    with pytest.raises(kind, match=words):
        make()


def test_conversions(device):
    packed = gp.nn.utils.rnn.pack_sequence([gp.ones(2, 1), gp.ones(1, 1)])
    for name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
        assert getattr(packed, name)().data.dtype is getattr(gp.ones(1), name)().dtype
    assert packed.cpu() is packed
    assert packed.pin_memory() is packed
    assert not packed.is_pinned()
    assert packed.to(device).is_cuda is (device != "cpu")


@pytest.mark.parametrize("lengths", [(5, 3, 1), (1, 5, 3)])
def test_a_captured_step_packs(lengths):
    """Lengths that the host knows are part of the graph, also where the sequences must be sorted for it."""
    curves = []
    with computing_on("emulated"):
        for is_compiled in (False, True):
            gp.manual_seed(0)
            net = gp.nn.LSTM(3, 4).to("cuda")
            optimizer = gp.optim.SGD(net.parameters(), lr=0.1)

            def step(x, lengths, net=net, optimizer=optimizer):
                optimizer.zero_grad()
                packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=lengths[0] == 5)
                y, again = rnn.pad_packed_sequence(net(packed)[0])
                assert again.tolist() == list(lengths)
                (y * x.sum(2, keepdim=True)).sum().backward()
                optimizer.step()
                return rnn.pad_sequence([part.detach() for part in y.unbind(1)])

            run = gp.compile(step) if is_compiled else step
            with contextlib.nullcontext() if is_compiled else capture.noting(None):
                batches = [np.random.default_rng(i).normal(size=(5, 3, 3)).astype("f4") for i in range(5)]
                curves.append([run(gp.tensor(x, device="cuda"), lengths).tolist() for x in batches])
        assert len(run.steps.graphs) == 1
    assert curves[0] == curves[1] and curves[0][0] != curves[0][4]
