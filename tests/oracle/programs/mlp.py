"""Classify two interleaved spirals with a multilayer perceptron, in plain minibatches."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 32)
        self.norm = nn.BatchNorm1d(32)
        self.out = nn.Linear(32, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.hidden(x)))
        return self.out(x)


def build():
    return MLP()


def data():
    rng = np.random.default_rng(0)
    angle = np.linspace(0.2, 4, 90)
    label = np.arange(90) % 3
    points = np.stack([angle * np.cos(angle + 2.1 * label), angle * np.sin(angle + 2.1 * label)], 1)
    points += rng.normal(0, 0.05, points.shape)
    return torch.tensor(points, dtype=torch.float32), torch.from_numpy(label)


def train(model):
    x, y = data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
    criterion = nn.CrossEntropyLoss()
    losses = []
    for _epoch in range(10):
        model.train()
        for i in range(0, len(x), 30):
            xb, yb = x[i : i + 30], y[i : i + 30]
            optimizer.zero_grad()
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            scores = model(x)
            correct = (scores.argmax(dim=1) == y).sum().item()
            losses.append(F.cross_entropy(scores, y).item())
        assert 0 <= correct <= len(x)
    return losses
