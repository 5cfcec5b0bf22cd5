import pytest

import gpunn as gp
from gpunn import nn, optim
from gpunn.train.snapshot import unchanged


def everything(model, optimizer):
    """All that training changes, as Python values."""
    return (
        {name: t.tolist() for name, t in model.state_dict().items()},
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [m.training for m in model.modules()],
        [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups],
        {i: {k: v.tolist() for k, v in s.items()} for i, s in optimizer.state_dict()["state"].items()},
        gp.get_rng_state().tolist(),
    )


def trained(model, optimizer, n=2):
    x = gp.randn(4, 3, device=model[0].weight.device)
    for _ in range(n):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [optim.Adam, lambda p: optim.SGD(p, 0.1, momentum=0.9)])
@pytest.mark.parametrize("warm", [False, True])
def test_all_is_put_back(kind, warm, device):
    gp.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout()).to(device)
    optimizer = kind(model.parameters())
    if warm:
        trained(model, optimizer)
    model[2].eval()
    before = everything(model, optimizer)
    for fails in (False, True):
        try:
            with unchanged(model, optimizer):
                model.train()
                optimizer.param_groups[0].update(lr=9.0, new=1)
                trained(model, optimizer, 3)
                model[1].running_mean = gp.zeros(2, device=device)
                if fails:
                    raise KeyError("stop")
        except KeyError:
            assert fails
        assert everything(model, optimizer) == before


def test_training_goes_on_as_if_nothing_had_been(device):
    ends = []
    for looks in (False, True):
        gp.manual_seed(1)
        model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(device)
        optimizer = optim.Adam(model.parameters(), 0.1)
        trained(model, optimizer)
        if looks:
            with unchanged(model, optimizer):
                trained(model, optimizer, 4)
        trained(model, optimizer)
        ends.append(everything(model, optimizer))
    assert ends[0] == ends[1]
