import pytest

import gpunn as gp
from gpunn import random


def test_state_of_the_default_generator():
    state = gp.get_rng_state()
    assert state.dtype is gp.uint8 and state.device == gp.device("cpu")
    first = gp.rand(3).tolist()
    gp.set_rng_state(state)
    assert gp.rand(3).tolist() == first


def test_state_of_a_generator():
    g = gp.Generator().manual_seed(3)
    gp.rand(10, generator=g)
    other = gp.Generator()
    other.set_state(g.get_state())
    assert other.initial_seed() == 3
    assert gp.rand(2, generator=other).tolist() == gp.rand(2, generator=g).tolist()


def test_a_state_is_not_just_any_tensor():
    before = gp.get_rng_state().tolist()
    for wrong in (gp.zeros(16), gp.zeros(3, dtype=gp.uint8), 5):
        with pytest.raises(RuntimeError, match="uint8 of shape"):
            gp.set_rng_state(wrong)
    assert gp.get_rng_state().tolist() == before


def test_seeds():
    assert gp.manual_seed(11) is random.default_generator
    assert gp.initial_seed() == 11
    assert gp.seed() == gp.initial_seed() != 11
