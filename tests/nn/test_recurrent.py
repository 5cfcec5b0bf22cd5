"""Recurrent layers and cells as modules: a layer is its cell, step by step; arguments, names, errors."""

import warnings

import numpy as np
import pytest

import gpunn as gp
from gpunn import nn
from gpunn.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError

KINDS = {
    "RNN": (nn.RNN, nn.RNNCell),
    "LSTM": (nn.LSTM, nn.LSTMCell),
    "GRU": (nn.GRU, nn.GRUCell),
}


def cell_of(layer, kind, k, suffix=""):
    """A cell with the parameters of one layer and direction."""
    ins = getattr(layer, f"weight_ih_l{k}{suffix}").shape[1]
    cell = kind(ins, layer.hidden_size, bias=layer.bias, dtype=gp.float64, device=next(layer.parameters()).device)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(layer, f"{name}_l{k}{suffix}"))
    return cell


def first_of(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_is_its_cell_step_by_step(kind, device):
    layer_kind, cell_kind = KINDS[kind]
    gp.manual_seed(0)
    layer = layer_kind(3, 4, 2, bidirectional=True, dtype=gp.float64, device=device)
    x = gp.randn(5, 2, 3, dtype=gp.float64, device=device)
    y, last = layer(x)
    inputs = list(x.unbind(0))
    for k in range(2):
        outputs = []
        for suffix in ("", "_reverse"):
            cell, state, out = cell_of(layer, cell_kind, k, suffix), None, []
            for step in inputs if not suffix else inputs[::-1]:
                state = cell(step, state)
                out.append(first_of(state))
            outputs.append(out if not suffix else out[::-1])
            place = 2 * k + bool(suffix)
            np.testing.assert_allclose(first_of(last)[place].detach().cpu(), first_of(state).detach().cpu(), rtol=1e-12)
        inputs = [gp.cat(pair, 1) for pair in zip(*outputs, strict=True)]
    np.testing.assert_allclose(y.detach().cpu(), gp.stack(inputs).detach().cpu(), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_sequences_are_as_if_alone(kind, device):
    gp.manual_seed(0)
    layer = KINDS[kind][0](3, 4, 2, bidirectional=True, dtype=gp.float64, device=device)
    parts = [gp.randn(n, 3, dtype=gp.float64, device=device) for n in (2, 5, 1, 5)]
    states = [gp.randn(4, 4, 4, dtype=gp.float64, device=device) for _ in range(2)]
    packed, last = layer(
        nn.utils.rnn.pack_sequence(parts, enforce_sorted=False), tuple(states) if kind == "LSTM" else states[0]
    )
    found = nn.utils.rnn.unpack_sequence(packed)
    for i, part in enumerate(parts):
        own = tuple(s[:, i] for s in states) if kind == "LSTM" else states[0][:, i]
        y, alone = layer(part, own)
        np.testing.assert_allclose(found[i].detach().cpu(), y.detach().cpu(), rtol=1e-12)
        np.testing.assert_allclose(first_of(last)[:, i].detach().cpu(), first_of(alone).detach().cpu(), rtol=1e-12)


def test_batch_first_and_projection(device):
    gp.manual_seed(0)
    layer = nn.LSTM(3, 4, 2, batch_first=True, proj_size=2, dtype=gp.float64, device=device)
    x = gp.randn(2, 5, 3, dtype=gp.float64, device=device, requires_grad=True)
    y, (h, c) = layer(x)
    layer.batch_first = False
    wanted, _ = layer(x.transpose(0, 1))
    assert (y.shape, h.shape, c.shape) == ((2, 5, 2), (2, 2, 2), (2, 2, 4))
    np.testing.assert_allclose(y.detach().cpu(), wanted.transpose(0, 1).detach().cpu(), rtol=1e-12)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_dropout_is_between_layers_and_in_training():
    gp.manual_seed(0)
    layer = nn.GRU(3, 4, 2, dropout=1.0)
    x = gp.randn(5, 2, 3)
    plain = nn.GRU(4, 4)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(plain, f"{name}_l0", getattr(layer, f"{name}_l1"))
    dropped, _ = layer(x)
    np.testing.assert_allclose(dropped.detach(), plain(gp.zeros(5, 2, 4))[0].detach(), rtol=1e-6)
    kept, _ = layer.eval()(x)
    assert not np.allclose(kept.detach(), dropped.detach())
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.GRU(3, 4, dropout=0.5)


def test_names_and_text():
    layer = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2, bias=False)
    assert list(layer.state_dict())[3:6] == ["weight_ih_l0_reverse", "weight_hh_l0_reverse", "weight_hr_l0_reverse"]
    assert repr(layer) == "LSTM(3, 4, proj_size=2, num_layers=2, bias=False, bidirectional=True)"
    assert [len(group) for group in layer.all_weights] == [3, 3, 3, 3]
    assert repr(nn.RNNCell(3, 4, bias=False, nonlinearity="relu")) == "RNNCell(3, 4, bias=False, nonlinearity=relu)"
    assert nn.RNN(3, 4, nonlinearity="relu").mode == "RNN_RELU"
    assert max(float(p.abs().max()) for p in nn.GRU(3, 16).parameters()) <= 0.25
    assert layer.flatten_parameters() is None


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (lambda: nn.LSTM(3, 4, proj_size=4), ArgumentError, "proj_size has to be smaller"),
        (lambda: nn.LSTM(3, 4, proj_size=-1), ArgumentError, "proj_size should be"),
        (lambda: nn.RNN(3, 4, nonlinearity="sin"), ArgumentError, "Unknown nonlinearity 'sin'"),
        (lambda: nn.GRU(3, 4, dropout=2), ArgumentError, "range"),
        (lambda: nn.GRU(3, 4, bias=1), ArgumentTypeError, "bias should be of type bool"),
        (lambda: nn.GRU(3, 0), ArgumentError, "hidden_size must be greater than zero"),
        (lambda: nn.GRU(3, 4)(gp.zeros(2, 2, 2, 3)), ShapeError, "2D or 3D, got 4D"),
        (lambda: nn.GRU(3, 4)(gp.zeros(2, 2, 2)), ShapeError, "Expected 3, got 2"),
        (lambda: nn.GRU(3, 4)(gp.zeros(0, 2, 3)), ShapeError, "sequence length"),
        (lambda: nn.GRU(3, 4)(gp.zeros(2, 3, dtype=gp.float64)), DtypeError, "does not match weight dtype"),
        (lambda: nn.GRU(3, 4)(gp.zeros(2, 2, 3), gp.zeros(2, 4)), ShapeError, "For batched 3-D input, hx should"),
        (lambda: nn.GRU(3, 4)(gp.zeros(2, 2, 3), gp.zeros(1, 3, 4)), ShapeError, r"hidden size \(1, 2, 4\)"),
        (
            lambda: nn.LSTM(3, 4)(gp.zeros(2, 3), (gp.zeros(1, 4), gp.zeros(1, 5))),
            ShapeError,
            r"hidden\[1\] size \(1, 1, 4\)",
        ),
        (
            lambda: nn.GRU(3, 4)(gp.zeros(2, 3), gp.zeros(1, 4).double()),
            DtypeError,
            "dtype gpunn.float32, got gpunn.float64",
        ),
        (
            lambda: nn.LSTM(3, 4)(gp.zeros(2, 3), (gp.zeros(1, 4),) * 3),
            RuntimeError,
            "expects two hidden states.*got 3",
        ),
        (lambda: nn.RNNCell(3, 4, nonlinearity="sin")(gp.zeros(3)), ArgumentError, "Unknown nonlinearity"),
        (lambda: nn.GRUCell(3, 4)(gp.zeros(1, 2, 3)), ShapeError, "1D or 2D, got 3D"),
        (lambda: nn.GRUCell(3, 4)(gp.zeros(2)), ShapeError, "got 2 expected 3"),
        (lambda: nn.GRUCell(3, 4)(gp.zeros(3), gp.zeros(1, 4)), ShapeError, "input is 1D, hidden0 2D"),
        (lambda: nn.GRUCell(3, 4)(gp.zeros(2, 3), gp.zeros(3, 4)), ShapeError, "hidden0 batch size 3"),
        (lambda: nn.LSTMCell(3, 4)(gp.zeros(3), (gp.zeros(4), gp.zeros(5))), ShapeError, "hidden1 has"),
    ],
)
def test_errors(make, kind, words):
    with warnings.catch_warnings(), pytest.raises(kind, match=words):
        warnings.simplefilter("ignore")
        make()


def test_an_lstm_learns_to_remember(device):
    """The first of eight numbers must come out at the end."""
    gp.manual_seed(0)
    x = gp.randn(8, 16, 1, device=device)
    layer, head = nn.LSTM(1, 8, device=device), nn.Linear(8, 1, device=device)
    step = gp.optim.Adam([*layer.parameters(), *head.parameters()], lr=0.05)
    losses = []
    for _ in range(60):
        loss = nn.functional.mse_loss(head(layer(x)[0][-1]), x[0])
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 5


def test_programs_go_through_the_parameters_by_name():
    layer = nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    assert layer._flat_weights_names == [name for name, _ in layer.named_parameters()]
    assert all(a is b for a, b in zip(layer._flat_weights, layer.parameters(), strict=True))
