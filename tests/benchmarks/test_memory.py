"""The most memory of a step: what is counted, and that gpunn keeps no more than it must."""

import json
import math

import pytest

import gpunn as gp
from benchmarks import memory
from benchmarks.case import Place
from benchmarks.networks import Network
from benchmarks.work import Work

DEPTH, WIDTH = 8, 256
ARRAY = 4 * WIDTH * WIDTH  # bytes of the weight of a layer, and of what goes from layer to layer


def _square(place):
    """DEPTH times a linear layer and ReLU, with as many rows in a batch as there are features."""
    nn = place.lib.nn
    layers = [layer for _ in range(DEPTH) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    return place.model(nn.Sequential(*layers))


def test_a_step_keeps_one_array_a_layer_and_frees_it_as_backward_goes_on(monkeypatch):
    """Of a layer the output of ReLU is kept, until backward has put the gradient of the weight in its place.

    Beside them: log-probabilities; the gradient that comes in, the same in front of ReLU, the one that goes out, and
    what is made of them.
    """
    monkeypatch.setitem(memory.NETWORKS, "square", Network(_square, (WIDTH,), WIDTH, Work()))
    found = memory.measured(Place("cpu", gp, "cpu"), "square", WIDTH)
    assert found.rest == 2 * DEPTH * (ARRAY + 4 * WIDTH)
    assert DEPTH < found.step / ARRAY < DEPTH + 4.2


def test_what_is_alive_before_and_after_does_not_count():
    kept = []

    def step():
        kept.append(bytearray(1 << 20))
        bytearray(1 << 21)

    assert 3 << 20 <= memory._traced(step) < (3 << 20) + (1 << 16)


def test_the_process_prints_json(capsys):
    assert memory.main(["cpu", "mlp", "2"]) == 0
    rest, step = json.loads(capsys.readouterr().out)
    assert rest == 2 * 4 * (784 * 512 + 512 + 512 * 256 + 256 + 256 * 10 + 10)
    assert rest / 2 < step < rest  # gradients, and little more


def test_a_place_that_is_not_there_says_why(monkeypatch, capsys):
    monkeypatch.setattr(memory, "open_place", lambda *given: "no such thing here")
    assert memory.main(["torch", "mlp", "2"]) == 1
    assert "no such thing here" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize("place", ["cpu", "torch"])
def test_a_process_of_its_own(place):
    if place == "torch":
        pytest.importorskip("torch")
    found = memory.peak(place, "mlp", 2)
    assert math.isclose(found.rest, 2 * 4 * 535_818)
    assert found.rest / 2 < found.step < found.rest


def test_a_process_that_fails_is_an_error():
    with pytest.raises(RuntimeError, match="nothing"):
        memory.peak("cpu", "nothing", 2)
