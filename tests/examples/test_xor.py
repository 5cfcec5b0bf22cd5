"""XOR is learnt with a hidden layer and not without one."""

import re

import pytest

import gpunn as gp
from gpunn import nn


def test_a_linear_model_says_one_half(example):
    gp.manual_seed(0)
    error, outputs = example("xor").train(nn.Linear(2, 1), steps=1000)
    assert error == pytest.approx(0.25, abs=1e-6)
    assert outputs == pytest.approx([0.5] * 4, abs=1e-3)


def test_two_layers_learn_it(example):
    gp.manual_seed(0)
    error, outputs = example("xor").train(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)), steps=1000)
    assert error < 1e-2
    assert [round(v) for v in outputs] == [0, 1, 1, 0]


def test_what_it_prints(example, run):
    lines = run(example("xor")).splitlines()
    errors = [float(re.search(r"squared error ([\d.]+)", line)[1]) for line in lines]
    assert errors[0] == 0.25 and errors[1] < 1e-2
