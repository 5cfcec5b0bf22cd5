"""One neuron: f(w, x) = sigmoid(w0 x0 + w1 x1 + w2), differentiated by backward and by hand.

The derivative of the sigmoid is s (1 - s), so df/dw0 = s (1 - s) x0, df/dx0 = s (1 - s) w0, and df/dw2 = s (1 - s).
"""

from __future__ import annotations

import gpunn as gp


def neuron(w: list[float], x: list[float]) -> tuple[float, list[float], list[float]]:
    """The output, d(output)/dw (3 numbers) and d(output)/dx (2 numbers)."""
    weights = gp.tensor(w, requires_grad=True)
    inputs = gp.tensor(x, requires_grad=True)
    output = gp.sigmoid((weights[:2] * inputs).sum() + weights[2])
    dw, dx = gp.autograd.grad(output, (weights, inputs))
    return output.item(), dw.tolist(), dx.tolist()


def main() -> None:
    """The lecture's numbers: w = (2, -3, -3), x = (-1, -2)."""
    output, dw, dx = neuron([2.0, -3.0, -3.0], [-1.0, -2.0])
    print(f"output {output:.2f}")
    print("by w:", [round(d, 2) for d in dw])
    print("by x:", [round(d, 2) for d in dx])


if __name__ == "__main__":
    main()
