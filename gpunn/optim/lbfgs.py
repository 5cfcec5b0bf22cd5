"""L-BFGS: Newton's method with an inverse Hessian made of the last steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpunn import engine
from gpunn.errors import ArgumentError, ArgumentTypeError
from gpunn.ops.shape.joining import cat
from gpunn.optim.line_search import Point, strong_wolfe
from gpunn.optim.optimizer import Optimizer, Params
from gpunn.optim.options import check_not_negative
from gpunn.tensor import Tensor


class LBFGS(Optimizer):
    """Quasi-Newton steps along d = -H g, where H comes from the last `history_size` steps. Nocedal & Wright 2006, 7.2.

    `step(closure)` makes up to `max_iter` of them and calls `closure`, which computes the loss and its gradients, up
    to about `max_eval` times. `line_search_fn` is None, for steps of length `lr`, or "strong_wolfe". There is one
    group of parameters, on one device. The state is that of the first parameter. The host waits for each step.
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        defaults = dict(
            lr=lr,
            max_iter=max_iter,
            max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
            history_size=history_size,
            line_search_fn=line_search_fn,
        )
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups)")

    def check_options(self, group: dict[str, Any]) -> None:
        check_not_negative("LBFGS", group, "lr")
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise ArgumentError(f"LBFGS: only 'strong_wolfe' is supported, got {group['line_search_fn']!r}")

    @engine.no_grad()
    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None:
            raise ArgumentTypeError("LBFGS.step: needs a closure that computes the loss and its gradients")
        group = {k: v.item() if isinstance(v, Tensor) else v for k, v in self.param_groups[0].items()}
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss, gradient = self._evaluated(closure)
        state["func_evals"] += 1
        if _largest(gradient) <= group["tolerance_grad"]:
            return first_loss
        loss, evaluations = float(first_loss), 1
        for left in reversed(range(group["max_iter"])):
            state["n_iter"] += 1
            direction = _direction(state, gradient, group["history_size"])
            t = group["lr"] * (min(1.0, 1.0 / abs(gradient).sum().item()) if state["n_iter"] == 1 else 1.0)
            slope = _dot(gradient, direction)
            state.update(d=direction, t=t, prev_flat_grad=gradient.clone(), prev_loss=loss)
            if slope > -group["tolerance_change"]:
                break
            before, start = loss, Point(0.0, loss, gradient, slope)
            if group["line_search_fn"] is not None:
                found, calls = self._searched(closure, start, t, direction, group, evaluations)
                t, loss, gradient = found.t, found.loss, found.gradient
                self._move(t, direction)
            else:
                self._move(t, direction)
                calls = int(left > 0)
                if left:
                    new_loss, gradient = self._evaluated(closure)
                    loss = float(new_loss)
            state["t"] = t
            evaluations += calls
            state["func_evals"] += calls
            if evaluations >= group["max_eval"] or _largest(gradient) <= group["tolerance_grad"]:
                break
            change = group["tolerance_change"]
            if t * _largest(direction) <= change or abs(loss - before) < change:
                break
        return first_loss

    def _evaluated(self, closure: Callable[[], Any]) -> tuple[Any, Tensor]:
        """The loss, and all gradients as one vector."""
        with engine.enable_grad():
            loss = closure()
        parts = [(p.new_zeros(p.shape) if p.grad is None else p.grad).reshape(-1) for p in self._all_params()]
        return loss, cat(parts).detach()

    def _move(self, t: float, direction: Tensor) -> None:
        start = 0
        for p in self._all_params():
            p += t * direction[start : start + p.numel()].reshape(p.shape)
            start += p.numel()

    def _searched(
        self,
        closure: Callable[[], Any],
        start: Point,
        t: float,
        direction: Tensor,
        group: dict[str, Any],
        evaluations: int,
    ) -> tuple[Point, int]:
        params = self._all_params()
        kept = [p.detach().clone() for p in params]

        def evaluate(t: float) -> Point:
            self._move(t, direction)
            try:
                loss, gradient = self._evaluated(closure)
            finally:
                for p, values in zip(params, kept, strict=True):
                    p.copy_(values)
            return Point(t, float(loss), gradient, _dot(gradient, direction))

        most = group["max_eval"] - evaluations
        return strong_wolfe(evaluate, start, t, _largest(direction), most, group["tolerance_change"])


def _direction(state: dict[str, Any], gradient: Tensor, history_size: int) -> Tensor:
    """-H gradient, by the two loops of algorithm 7.4; the step before goes into the history first."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -gradient
    changes, steps, inverses = state["old_dirs"], state["old_stps"], state["ro"]
    change, step = gradient - state["prev_flat_grad"], state["d"] * state["t"]
    product = _dot(change, step)
    if product > 1e-10:
        if len(changes) == history_size:
            del changes[0], steps[0], inverses[0]
        changes.append(change)
        steps.append(step)
        inverses.append(1.0 / product)
        state["H_diag"] = product / _dot(change, change)
    direction, parts = -gradient, state.setdefault("al", [None] * history_size)  # in PyTorch's state, too
    for i in reversed(range(len(changes))):
        parts[i] = _dot(steps[i], direction) * inverses[i]
        direction = direction - parts[i] * changes[i]
    direction = direction * state["H_diag"]
    for i in range(len(changes)):
        direction = direction + (parts[i] - _dot(changes[i], direction) * inverses[i]) * steps[i]
    return direction


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum().item())


def _largest(x: Tensor) -> float:
    return float(abs(x).max().item()) if x.numel() else 0.0
