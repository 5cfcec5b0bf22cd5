"""Seeds and states of the one generator, under the names that PyTorch has for GPUs."""

import numpy as np
import pytest

import gpunn as gp
from gpunn import cuda
from gpunn.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("gpu")


def drawn():
    return gp.rand(4, device="cuda").cpu().numpy()


def test_the_seed_is_shared_by_all_devices():
    found = []
    for seed in (cuda.manual_seed, cuda.manual_seed_all, gp.manual_seed):
        seed(5)
        assert cuda.initial_seed() == 5
        found.append(drawn())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0], drawn())
    cuda.seed()
    first = cuda.initial_seed()
    cuda.seed_all()
    assert cuda.initial_seed() != first


def test_states():
    gp.manual_seed(1)
    state, states = cuda.get_rng_state(), cuda.get_rng_state_all()
    wanted = drawn()
    assert len(states) == cuda.device_count()
    cuda.set_rng_state(state)
    np.testing.assert_array_equal(drawn(), wanted)
    cuda.set_rng_state_all(states)
    np.testing.assert_array_equal(drawn(), wanted)
    for function in (cuda.get_rng_state, lambda device: cuda.set_rng_state(state, device)):
        with pytest.raises(ArgumentError, match="expected a cuda device, got cpu"):
            function("cpu")
