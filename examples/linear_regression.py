"""Linear regression: gradient descent arrives where the normal equations say, w = (XᵀX)⁻¹ Xᵀy."""

from __future__ import annotations

import numpy as np

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


def data(n: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and noisy values (n, 1) of y = 2 x0 - x1 + 0.5 x2 + 3."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 3))
    y = x @ [[2.0], [-1.0], [0.5]] + 3.0 + 0.1 * rng.standard_normal((n, 1))
    return x, y


def closed_form(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights and, last, the bias that minimise the squared error: (4,)."""
    design = np.hstack([x, np.ones((len(x), 1))])
    return np.linalg.lstsq(design, y, rcond=None)[0].ravel()


def descend(x: np.ndarray, y: np.ndarray, steps: int = 400, rate: float = 0.1) -> np.ndarray:
    """The same by gradient descent on the mean squared error: (4,)."""
    model = nn.Linear(3, 1, dtype=gp.float64)
    inputs, targets = gp.tensor(x), gp.tensor(y)
    optimizer = gp.optim.SGD(model.parameters(), lr=rate, momentum=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(model(inputs), targets).backward()
        optimizer.step()
    return np.append(model.weight.detach().numpy().ravel(), model.bias.detach().numpy())


def main() -> None:
    """Both solutions, one below the other."""
    x, y = data()
    print("closed form     ", closed_form(x, y).round(6))
    print("gradient descent", descend(x, y).round(6))


if __name__ == "__main__":
    main()
