"""The models that are timed: their sizes, and that a timed step trains."""

import pytest

import gpunn
from benchmarks import models
from benchmarks.case import Place

CPU = Place("cpu", gpunn, "cpu")
MODELS = [(models.lenet5, (2, 1, 28, 28), 61_706), (models.mlp, (2, 784), 535_818)]


@pytest.mark.parametrize(("build", "shape", "size"), MODELS)
def test_models_have_their_size(build, shape, size):
    model = build(CPU)
    assert sum(p.numel() for p in model.parameters()) == size
    assert model(CPU.random(*shape)).shape == (2, 10)


@pytest.mark.parametrize(("build", "shape", "size"), MODELS)
def test_a_timed_step_changes_every_parameter(build, shape, size):
    model = build(CPU)
    step = models._step(lambda place: model, shape)(CPU)
    before = [p.detach().clone() for p in model.parameters()]
    step()
    assert not any(p.detach().equal(old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize(("build", "shape", "size"), MODELS)
def test_gradients_of_steps_do_not_add_up(build, shape, size):
    model = build(CPU)
    step = models._step(lambda place: model, shape)(CPU)
    step()
    first = [p.grad.clone() for p in model.parameters()]
    step()
    for p, old in zip(model.parameters(), first, strict=True):
        assert ((p.grad - old).norm() < 0.1 * old.norm()).item()  # the steps are small


def test_only_backward_is_timed_and_its_gradients_do_not_add_up():
    model = models.mlp(CPU)
    prepare, timed = models._backward(lambda place: model, (2, 784))(CPU)
    loss = prepare()
    assert all(p.grad is None for p in model.parameters())
    timed(loss)
    first = [p.grad.clone() for p in model.parameters()]
    timed(prepare())
    assert all(p.grad.equal(old) for p, old in zip(model.parameters(), first, strict=True))
