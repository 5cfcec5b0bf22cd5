"""The first example of every lecture on backpropagation: f = (x + y) z, its graph, and all its gradients.

With q = x + y the chain rule gives df/dq = z, df/dz = q, and df/dx = df/dq * dq/dx = z, df/dy = z.
"""

from __future__ import annotations

import gpunn as gp


def gradients(x: float, y: float, z: float) -> dict[str, float]:
    """f, q and the derivatives of f by x, y, z and q."""
    tensors = {name: gp.tensor(value, requires_grad=True) for name, value in (("x", x), ("y", y), ("z", z))}
    q = tensors["x"] + tensors["y"]
    q.retain_grad()  # q is no leaf: its gradient is kept only when asked for
    f = q * tensors["z"]
    f.backward()
    found = {"f": f.item(), "q": q.item()}
    for name, tensor in {**tensors, "q": q}.items():
        found[f"df/d{name}"] = tensor.grad.item() if tensor.grad is not None else 0.0
    return found


def main() -> None:
    """The lecture's numbers: x = -2, y = 5, z = -4."""
    for name, value in gradients(-2.0, 5.0, -4.0).items():
        print(f"{name:5} = {value:g}")


if __name__ == "__main__":
    main()
