"""The loop that the training examples share, on a model whose numbers are known."""

import math

import pytest

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F
from gpunn.utils.data import DataLoader, TensorDataset


@pytest.fixture
def training(example):
    return example("training")


@pytest.fixture
def points():
    """Six points on a line; the label is the side of zero, and two labels of six are wrong."""
    return gp.tensor([[-3.0], [-2.0], [-1.0], [1.0], [2.0], [3.0]]), gp.tensor([0, 0, 1, 0, 1, 1])


def side():
    """A linear model whose scores are (-x, x)."""
    model = nn.Linear(1, 2)
    model.load_state_dict({"weight": gp.tensor([[-1.0], [1.0]]), "bias": gp.zeros(2)})
    return model


@pytest.mark.parametrize("batch", [1, 4, 6, 1000])
def test_evaluate_counts_right_labels_of_every_batch(training, points, batch):
    model = nn.Sequential(side(), nn.Dropout(0.9))
    assert training.evaluate(model.train(), *points, "cpu", batch) == pytest.approx(4 / 6)
    assert not model.training


def test_an_epoch_returns_means_over_samples_and_trains(training, points):
    model = side().eval()
    wanted = F.cross_entropy(model(points[0]), points[1]).item()
    still = gp.optim.SGD(model.parameters(), lr=0.0)
    batches = DataLoader(TensorDataset(*points), batch_size=4)  # 4 samples, then 2
    loss, accuracy = training.train_epoch(model, batches, still, "cpu", "title")
    assert loss == pytest.approx(wanted, rel=1e-6) and accuracy == pytest.approx(4 / 6)
    assert model.training
    moving = gp.optim.SGD(model.parameters(), lr=0.1)
    training.train_epoch(model, batches, moving, "cpu", "title")
    assert F.cross_entropy(model(points[0]), points[1]).item() < wanted


def test_fit_keeps_a_trace_and_sets_the_learning_rates(training, points):
    model = side()
    optimizer = gp.optim.SGD(model.parameters(), lr=9.0)
    rates = []

    class Batches(DataLoader):
        def __iter__(self):
            rates.append(optimizer.param_groups[0]["lr"])
            return super().__iter__()

    batches = Batches(TensorDataset(*points), batch_size=6)
    trace = training.fit(model, batches, points, optimizer, 3, "cpu", [0.5, 0.25, 0.125])
    assert rates == [0.5, 0.25, 0.125]
    assert len(trace.train_loss) == len(trace.train_accuracy) == len(trace.test_accuracy) == len(trace.seconds) == 3
    assert trace.train_loss[2] < trace.train_loss[0] and min(trace.seconds) > 0
    training.fit(model, batches, points, optimizer, 1, "cpu")
    assert rates[3] == 0.125  # untouched without learning_rates


def test_the_half_cosine(training):
    assert training.half_cosine(2.0, 4) == pytest.approx([2.0, 1 + math.sqrt(0.5), 1.0, 1 - math.sqrt(0.5)])


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_picture_of_a_trace(training, tmp_path, epochs):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, which the extra demo has")
    trace = training.Trace()
    trace.train_loss = [1.0, 0.1, 0.01][:epochs]
    trace.train_accuracy = trace.test_accuracy = [0.5, 0.75, 1.0][:epochs]
    path = tmp_path / "trace.png"
    trace.plot(path, "title")
    assert path.read_bytes().startswith(b"\x89PNG\r\n") and path.stat().st_size > 5000
