"""The first steps of every tutorial: fit a sine by a polynomial, with tensors only, then with nn."""

import math

import torch
from torch import nn


class Polynomial(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.randn(()))
        self.b = nn.Parameter(torch.randn(()))
        self.linear = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))

    def forward(self, x):
        powers = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
        return self.a + self.b * torch.exp(-(x**2)) + self.linear(powers)


def build():
    return Polynomial()


def by_hand(x, y):
    """Gradients written out, then by autograd, on bare tensors."""
    losses = []
    a, b = torch.zeros(()), torch.ones(())
    c = torch.full((), 0.5, requires_grad=True)
    for _ in range(20):
        pred = a + b * x + c * x**3
        loss = (pred - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            grad_pred = 2.0 * (pred - y)
            a -= 1e-4 * grad_pred.sum()
            b -= 1e-4 * (grad_pred * x).sum()
            c -= 1e-6 * c.grad
            c.grad = None
    return losses


def train(model):
    x = torch.linspace(-math.pi, math.pi, 200)
    y = torch.sin(x)
    losses = by_hand(x, y)
    loss_fn = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    for _ in range(30):
        loss = loss_fn(model(x), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        optimizer.step()
    return losses
