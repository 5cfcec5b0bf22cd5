"""Logistic regression: gradient descent arrives where Newton's method (iteratively reweighted least squares) does.

The loss has no closed-form minimum, but its gradient Xᵀ(p - y) and Hessian XᵀDX, with D = p (1 - p), do.
"""

from __future__ import annotations

import numpy as np

import gpunn as gp
from gpunn import nn
from gpunn.nn import functional as F


def data(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 2) and labels 0 or 1 (n, 1), drawn with the probability sigmoid(1.5 x0 - 2 x1 + 0.5)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 2))
    p = 1 / (1 + np.exp(-(x @ [[1.5], [-2.0]] + 0.5)))
    return x, (rng.random((n, 1)) < p).astype(np.float64)


def newton(x: np.ndarray, y: np.ndarray, steps: int = 20) -> np.ndarray:
    """Weights and, last, the bias of the greatest likelihood: (3,)."""
    design = np.hstack([x, np.ones((len(x), 1))])
    w = np.zeros((3, 1))
    for _ in range(steps):
        p = 1 / (1 + np.exp(-design @ w))
        hessian = design.T @ (design * p * (1 - p))
        w -= np.linalg.solve(hessian, design.T @ (p - y))
    return w.ravel()


def descend(x: np.ndarray, y: np.ndarray, steps: int = 1500, rate: float = 1.0) -> np.ndarray:
    """The same by gradient descent on the cross-entropy: (3,)."""
    model = nn.Linear(2, 1, dtype=gp.float64)
    inputs, targets = gp.tensor(x), gp.tensor(y)
    optimizer = gp.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(inputs), targets).backward()
        optimizer.step()
    return np.append(model.weight.detach().numpy().ravel(), model.bias.detach().numpy())


def main() -> None:
    """Both solutions, one below the other."""
    x, y = data()
    print("Newton          ", newton(x, y).round(6))
    print("gradient descent", descend(x, y).round(6))


if __name__ == "__main__":
    main()
