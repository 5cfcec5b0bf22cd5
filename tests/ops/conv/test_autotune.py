"""Tuning with made-up times: who wins, what is kept, and what never is."""

import json

import numpy as np
import pytest

from gpunn import backends, emulator
from gpunn.kernels.settings import settings
from gpunn.ops.conv import autotune, kernels, pointwise, tensor_cores, tiles
from gpunn.ops.conv.autotune import Autotuner
from gpunn.ops.conv.geometry import convolution
from tests.kernels.test_conv import on_device

KEY = {"device": ("a GPU", 132, 13000), "shape": (1, 2)}
RIGHT = np.linspace(1, 2, 12, dtype=np.float32)


class Trial:
    """Runs of tiles whose times are given; `wrong` tiles give a wrong result."""

    def __init__(self, seconds, wrong=()):
        self.seconds, self.wrong, self.last, self.calls = seconds, wrong, None, 0

    def run(self, tile):
        self.last, self.calls = tile, self.calls + 1
        return RIGHT * (1.1 if tile in self.wrong else 1)

    def clock(self, call):
        call()
        return self.seconds[self.last]

    def measure(self, path, candidates=None):
        tuner = Autotuner(path, self.clock)
        return tuner.measure(KEY, candidates or tiles.choices(), self.run, lambda: RIGHT)


@pytest.fixture(autouse=True)
def restored():
    before = settings.tuning
    yield
    settings.tuning = before


def times(*seconds):
    return dict(zip(tiles.choices(), seconds, strict=True))


def test_the_fastest_wins_and_is_kept(tmp_path):
    path = tmp_path / "tiles.json"
    assert Trial(times(4, 2, 3, 5)).measure(path) is tiles.choices()[1]
    later = Autotuner(path, None)
    assert later.find(KEY) == tiles.choices()[1]
    assert later.find({**KEY, "shape": (1, 3)}) is None
    assert later.find({**KEY, "device": ("a GPU", 132, 13010)}) is None  # another driver
    assert list(tmp_path.iterdir()) == [path]


def test_a_wrong_result_never_wins(tmp_path):
    assert Trial(times(4, 1, 3, 5), wrong=[tiles.choices()[1]]).measure(tmp_path / "a") is tiles.choices()[2]


def test_if_all_are_wrong_the_model_decides_and_nothing_is_kept(tmp_path):
    assert Trial(times(4, 1, 3, 5), wrong=tiles.choices()).measure(tmp_path / "a") is tiles.choices()[0]
    assert list(tmp_path.iterdir()) == []


def test_if_none_agrees_it_is_not_measured_at_every_call(tmp_path):
    nan = np.full(12, np.nan, np.float32)
    tuner = Autotuner(tmp_path / "a", None)
    first = tuner.measure(KEY, tiles.choices(), lambda tile: nan, lambda: nan)
    assert tuner.find(KEY) is first is tiles.choices()[0]
    assert Autotuner(tmp_path / "a", None).find(KEY) is None  # only this process remembers it


def test_at_most_twelve_candidates(tmp_path):
    trial = Trial(times(1, 2, 3, 4))
    trial.measure(tmp_path / "a", candidates=tiles.choices() * 5)
    assert trial.calls <= autotune.CANDIDATES * (1 + autotune.ROUNDS)


def test_the_median_counts(tmp_path):
    trial = Trial(None)
    seconds = {tiles.choices()[0]: iter([9, 1, 1, 1, 9]), tiles.choices()[1]: iter([2, 2, 0, 2, 2])}

    def clock(call):
        call()
        return next(seconds[trial.last])

    tuner = Autotuner(tmp_path / "a", clock)
    assert tuner.measure(KEY, tiles.choices()[:2], trial.run, lambda: RIGHT) is tiles.choices()[0]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": ["64"]}', "\udcff"])
def test_a_damaged_file_is_as_none(tmp_path, text):
    path = tmp_path / "tiles.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    assert Autotuner(path, None).find(KEY) is None
    assert Trial(times(4, 2, 3, 5)).measure(path) is tiles.choices()[1]
    assert len(json.loads(path.read_text())) == 1


def test_a_tile_that_is_no_longer_built_is_not_taken(tmp_path):
    path = tmp_path / "tiles.json"
    path.write_text(json.dumps({autotune._text(KEY): [32, 32, 16, 16, 2, 128]}))
    assert Autotuner(path, None).find(KEY) is None


def test_two_processes_keep_both(tmp_path):
    path = tmp_path / "tiles.json"
    first, second = Autotuner(path, None), Autotuner(path, None)
    assert first.find(KEY) is second.find(KEY) is None
    first._keep("a", [1])
    second._keep("b", [2])
    assert json.loads(path.read_text()) == {"a": [1], "b": [2]}


def test_modes(tmp_path, monkeypatch):
    trial, chosen = Trial(times(4, 2, 3, 5)), []
    monkeypatch.setattr(autotune, "autotuner", lambda: Autotuner(tmp_path / "tiles.json", trial.clock))
    with emulator.enable():
        for mode in ("off", "read", "tune", "read", "off"):
            backends.cudnn.tuning = mode
            before = trial.calls
            chosen.append(autotune.tile_for(lambda: KEY, tiles.choices(), trial.run, lambda: RIGHT))
            assert (trial.calls > before) == (mode == "tune")
    assert [tiles.choices().index(tile) for tile in chosen] == [0, 0, 1, 1, 0]


@pytest.mark.parametrize("side", [2, 1])
def test_a_convolution_is_tuned(side, tmp_path, monkeypatch):
    """The whole way on the emulated GPU: measured once, read after."""
    monkeypatch.setattr(tensor_cores, "LITTLE", 0)
    backends.cudnn.benchmark = True
    x, w = [np.ones(shape, "float16") for shape in ((1, 32, 4, 4), (32, 32, side, side))]
    geo = convolution("conv2d", x, w, None, (1, 0, 1, 1), 2)
    with emulator.enable():
        tuner = Autotuner(tmp_path / "tiles.json", autotune.event_clock)
        monkeypatch.setattr(autotune, "autotuner", lambda: tuner)
        for family in (tensor_cores, pointwise):
            monkeypatch.setattr(family, "candidates", lambda *_: tiles.choices()[:1])
        x, w = on_device(x, True), on_device(w, True)
        for _ in range(2):
            assert (kernels.output(x, w, None, geo).get() == 32 * side**2).all()
        assert kernels.input_gradient(kernels.output(x, w, None, geo), w, None, geo).shape == x.shape
    uses = [json.loads(key)["use"] for key in json.loads((tmp_path / "tiles.json").read_text())]
    assert sorted(uses) == ["input_gradient", "output"]


def test_results_agree_up_to_rounding():
    assert autotune.agrees(RIGHT, RIGHT * (1 + 1e-3))
    assert not autotune.agrees(RIGHT, RIGHT * 1.01)
    assert not autotune.agrees(RIGHT, RIGHT[:5])
    assert not autotune.agrees(RIGHT * np.nan, RIGHT)
    assert autotune.agrees(RIGHT[:0], RIGHT[:0])
