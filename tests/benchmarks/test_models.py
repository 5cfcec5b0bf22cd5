"""What is timed of a model: a forward pass, a backward pass alone, a step that trains."""

import pytest

import gpunn
from benchmarks import models
from benchmarks.case import Place
from benchmarks.networks import NETWORKS, Network

CPU = Place("cpu", gpunn, "cpu")
BUILT = [(NETWORKS["lenet5"], 2), (NETWORKS["mlp"], 2)]


def played(network, model):
    """The network, but `model` is what it builds."""
    return Network(lambda place: model, network.shape, network.classes, network.work)


@pytest.mark.parametrize(("network", "batch"), BUILT)
def test_a_timed_step_changes_every_parameter(network, batch):
    model = network.build(CPU)
    step = models._step(played(network, model), batch)(CPU)
    before = [p.detach().clone() for p in model.parameters()]
    loss = step()
    assert loss.item() > 0
    assert not any(p.detach().equal(old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize(("network", "batch"), BUILT)
def test_gradients_of_steps_do_not_add_up(network, batch):
    model = network.build(CPU)
    step = models._step(played(network, model), batch)(CPU)
    step()
    first = [p.grad.clone() for p in model.parameters()]
    step()
    for p, old in zip(model.parameters(), first, strict=True):
        assert ((p.grad - old).norm() < 0.1 * old.norm()).item()  # the steps are small


def test_only_backward_is_timed_and_its_gradients_do_not_add_up():
    model = NETWORKS["mlp"].build(CPU)
    prepare, timed = models._backward(played(NETWORKS["mlp"], model), 2)(CPU)
    loss = prepare()
    assert all(p.grad is None for p in model.parameters())
    first = [g.clone() for g in timed(loss)]
    again = timed(prepare())
    assert all(g.equal(old) for g, old in zip(again, first, strict=True))


def test_cases_count_their_work():
    case = models.case("lenet5", "step", 64)
    assert case.name == "lenet5/step/batch64" and case.quick and case.images == case.batch == 64
    assert case.flops == 3 * 64 * 833_040
    assert case.sweep(8).flops * 8 == case.flops and case.sweep(8).name == "lenet5/step/batch8"
    assert models.case("lenet5", "backward", 1).flops == 2 * models.case("lenet5", "forward", 1).flops


def test_every_network_is_timed_and_those_for_a_gpu_are_large():
    found = {(case.name.partition("/")[0], case.large) for case in models.cases()}
    assert found == {(name, False) for name in NETWORKS} | {(name, True) for name in models.LARGE}
