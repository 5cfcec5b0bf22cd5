"""What a tensor says of the memory that it is a view of."""

from __future__ import annotations

from gpunn import backend
from gpunn.backend import Array


class UntypedStorage:
    """The memory that an array is a part of, in bytes. Tensors that share it have one `data_ptr()`."""

    def __init__(self, array: Array) -> None:
        self._array = array

    @property
    def device(self) -> backend.device:
        """Where the memory is."""
        return backend.device_of(self._array)

    def data_ptr(self) -> int:
        """The address of the first byte; 0 if there is none."""
        return backend.data_pointer(self._array) - backend.offset_in_memory(self._array) if len(self) else 0

    def nbytes(self) -> int:
        """The number of bytes; on a GPU of those that CuPy gave, which are whole blocks."""
        return int(backend.memory_size(self._array))

    def size(self) -> int:
        """The number of bytes."""
        return self.nbytes()

    def __len__(self) -> int:
        return self.nbytes()

    def __sizeof__(self) -> int:
        return super().__sizeof__() + self.nbytes()
