"""The batch from which the GPU wins."""

import pytest

from benchmarks.crossover import crossover, words

GPU = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}  # as long for any batch


@pytest.mark.parametrize(
    ("cpu", "batch"),
    [
        ({1: 0.25, 2: 0.5, 4: 1.0, 8: 2.0}, 4),  # equal at 4, ahead above it
        ({1: 0.3, 2: 0.6, 4: 1.2, 8: 2.4}, 4),  # at 3.33
        ({1: 0.35, 2: 0.7, 4: 1.4, 8: 2.8}, 3),  # at 2.86
        ({1: 2.0, 2: 4.0, 4: 8.0, 8: 16.0}, 1),
        ({1: 0.1, 2: 0.2, 4: 0.4, 8: 0.8}, None),
        ({1: 2.0, 2: 0.5, 4: 2.0, 8: 4.0}, 3),  # ahead at 1 by chance: only what stays counts; equal at 2.83
        ({1: 2.0, 2: 4.0, 4: 8.0, 8: 0.5}, None),
        ({16: 1.0}, None),
    ],
)
def test_from_where_on_the_gpu_is_ahead(cpu, batch):
    assert crossover(cpu, GPU) == batch


def test_words():
    cpu = {1: 0.35, 2: 0.7, 4: 1.4, 8: 2.8}
    assert words({"cpu": cpu, "cuda": GPU}) == "3"
    assert words({"cpu": {1: 2.0, 2: 2.0}, "cuda": GPU}) == "1 or less"
    assert words({"cpu": {1: 0.1, 2: 0.2}, "cuda": GPU}) == "above 2"
    assert words({"cpu": cpu}) == words({}) == words({"cuda": GPU}) == "not measured"


def test_captured_steps_win_from_a_batch_of_their_own():
    times = {
        "cpu": {1: 2.0, 2: 2.0, 4: 2.0},
        "cuda": {1: 3.0, 2: 3.0, 4: 1.0},
        "cuda-captured": {1: 1.0, 2: 1.0, 4: 1.0},
    }
    assert (words(times), words(times, "cuda-captured")) == ("3", "1 or less")
