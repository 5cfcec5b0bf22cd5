"""The command line: `gpunn COMMAND …`, also `python -m gpunn COMMAND …`.

A command is a module of this folder with `main(argv) -> int` and one line in COMMANDS.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Final

from gpunn.cli.facts import version

COMMANDS: Final = {
    "info": "what is installed, which GPU is seen, what is wrong and the line that mends it",
    "bench": "time gpunn's operations and models (`gpunn bench --help`)",
    "steps": "how much of training steps is spent around NumPy, and their memory (`gpunn steps --help`)",
    "kernels": "list, show, compile ahead and check the CUDA kernels (`gpunn kernels --help`)",
}


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command that `argv` (None: the process's arguments) names.

    What follows the command's name reaches the command untouched. Bad arguments end the process with code 2.
    """
    parser = argparse.ArgumentParser(
        prog="gpunn",
        description="Neural networks on NumPy and CuPy.",
        epilog="commands:\n" + "\n".join(f"  {name:8}{text}" for name, text in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gpunn {version('gpunn')}")
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of: " + ", ".join(COMMANDS))
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the command")
    words = sys.argv[1:] if argv is None else argv
    if not words:
        parser.print_help()
        return 0
    given = parser.parse_args(words)
    command = importlib.import_module(f"gpunn.cli.{given.command}")
    code: int = command.main(given.arguments)
    return code
