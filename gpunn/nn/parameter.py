"""Parameter: a tensor that a module learns."""

from __future__ import annotations

import copy
from typing import Any

from gpunn.engine import Variable
from gpunn.errors import ArgumentTypeError
from gpunn.tensor import Tensor


class Parameter(Tensor):
    """A leaf tensor that a Module registers when it is assigned as an attribute. Shares the memory of `data`."""

    __slots__ = ()

    def __init__(self, data: Tensor, requires_grad: bool = True) -> None:
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(f"Parameter: expected a Tensor, got {type(data).__name__}; try gpunn.tensor(...)")
        Variable.__init__(self, data.array, requires_grad)
        if data._version is not None and self._version is not None:
            self._version = data._version

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            twin = Parameter(Variable.result_type(self.array.copy(order="K")), self._requires_grad)
            memo[id(self)] = twin
            twin._grad = copy.deepcopy(self._grad, memo)
            twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        found: Parameter = memo[id(self)]
        return found
