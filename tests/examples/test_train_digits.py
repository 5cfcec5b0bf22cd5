"""The demonstration, cut short: it trains, prints its accuracy on images it never saw, and saves the picture."""

import re

import pytest

import gpunn as gp


@pytest.fixture
def digits(example):
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn, which the extra demo has")
    return example("train_digits")


def test_one_epoch_of_two_seeds(digits, run, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib, which the extra demo has")
    path = tmp_path / "trace.png"
    lines = run(digits, "--epochs", 1, "--seeds", 0, 1, "--device", "cpu", "--plot", path).splitlines()
    found = [re.fullmatch(r"seed (\d): ([\d.]+)% of 355 held-out images right, \d+ s .* cpu", line) for line in lines]
    shares = [float(match[2]) for match in found[:2]]
    assert [match[1] for match in found[:2]] == ["0", "1"] and min(shares) > 70
    median, low, high = (float(share) for share in re.findall(r"([\d.]+)%", lines[2]))
    assert (low, high) == (min(shares), max(shares)) and median == pytest.approx(sum(shares) / 2, abs=0.011)
    assert lines[3:] == [f"loss and accuracy: {path}"]
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_a_seed_gives_the_same_training_again(digits):
    runs = [digits.train(seed, 1, "cpu")[1] for seed in (3, 3, 4)]
    assert runs[0].train_loss == runs[1].train_loss and runs[0].test_accuracy == runs[1].test_accuracy
    assert runs[0].train_loss != runs[2].train_loss


def test_the_network_gives_ten_scores(digits, device):
    model = digits.small_lenet().to(device)
    assert model(gp.zeros(2, 1, 8, 8, device=device)).shape == (2, 10)
