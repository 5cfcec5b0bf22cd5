"""XOR: a perceptron with a hidden layer learns it, a linear one cannot. Minsky & Papert 1969.

No line separates {(0, 0), (1, 1)} from {(0, 1), (1, 0)}: the best a linear model can do is to say 1/2 everywhere,
with a squared error of 1/4.
"""

from __future__ import annotations

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
Y = [[0.0], [1.0], [1.0], [0.0]]


def train(model: nn.Module, steps: int = 2000, rate: float = 0.05) -> tuple[float, list[float]]:
    """The mean squared error after training, and the four outputs."""
    x, y = gp.tensor(X), gp.tensor(Y)
    optimizer = gp.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item(), model(x).flatten().tolist()


def main() -> None:
    """Both models, trained alike."""
    gp.manual_seed(0)
    linear = nn.Linear(2, 1)
    two_layers = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
    for name, model in (("linear", linear), ("two layers", two_layers)):
        error, outputs = train(model)
        print(f"{name:10} squared error {error:.4f}  outputs {[round(v, 2) for v in outputs]}")


if __name__ == "__main__":
    main()
