"""gpunn.serialization: saving, loading, and which classes and functions of a program files may name."""

from gpunn.io.files import load as load
from gpunn.io.files import save as save
from gpunn.io.names import add_safe_globals as add_safe_globals
from gpunn.io.names import clear_safe_globals as clear_safe_globals
from gpunn.io.names import get_safe_globals as get_safe_globals
from gpunn.io.names import safe_globals as safe_globals
