"""Trained weights are refused, with the way to load a file of them."""

import pytest

import gpunn as gp
from gpunn.vision import models
from gpunn.vision.models.resnet import BasicBlock, ResNet
from gpunn.vision.models.weights import refuse_weights

FUNCTIONS = [name for name in vars(models) if name.islower() and callable(getattr(models, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("asked", [{"weights": "DEFAULT"}, {"pretrained": True}, {"weights": True}])
def test_trained_weights_are_refused(name, asked):
    argument, value = next(iter(asked.items()))
    wanted = rf'{name}: no trained weights.*expected {argument}=None, got {value!r}.*gp.load\("{name}.pth"\)'
    with pytest.raises(NotImplementedError, match=wanted):
        getattr(models, name)(**asked)


def test_there_are_21_functions():
    assert len(FUNCTIONS) == 21


@pytest.mark.parametrize("weights", [None, False])
def test_no_weights_are_no_problem(weights):
    refuse_weights("x", weights, False)


def test_a_file_of_weights_is_loaded_as_the_error_says(tmp_path):
    gp.manual_seed(0)
    trained, model = [ResNet(BasicBlock, (1, 1, 1, 0), 3) for _ in range(2)]
    gp.save(trained.state_dict(), tmp_path / "resnet18.pth")
    assert not bool((model.conv1.weight == trained.conv1.weight).all())
    model.load_state_dict(gp.load(tmp_path / "resnet18.pth"))
    assert bool((model.conv1.weight == trained.conv1.weight).all())
