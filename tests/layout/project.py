"""The project as the rules of the house see it: Python files as syntax trees, kernel files as text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeVar

FOLDERS = ("gpunn", "kernels", "tests", "benchmarks", "examples", "docs", ".ci")
Node = TypeVar("Node", bound=ast.AST)


class Source:
    """One Python file: its path from the root, the name of its module, its text, its syntax tree."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text, self.path)
        self.nodes = list(ast.walk(self.tree))
        self.parts = Path(self.path).with_suffix("").parts
        self.stem = self.parts[-1]
        self.module = ".".join(self.parts[:-1] if self.stem == "__init__" else self.parts)
        self.unit = "" if self.module == "gpunn" else self.parts[1]  # of gpunn/ops/pool.py: ops

    def find(self, *kinds: type[Node]) -> Iterator[tuple[str, Node]]:
        """Nodes of these kinds, each with its place as editors know it."""
        return ((f"{self.path}:{getattr(n, 'lineno', 1)}", n) for n in self.nodes if isinstance(n, kinds))

    @cached_property
    def imports(self) -> list[tuple[str, str]]:
        """(place, name) of all that running the code imports, also in functions and by import_module("…")."""
        blocks = [node for _, node in self.find(ast.If) if ast.unparse(node.test).endswith("TYPE_CHECKING")]
        for_types = {id(inner) for block in blocks for line in block.body for inner in ast.walk(line)}
        found = self.find(ast.Import, ast.ImportFrom, ast.Call)
        return [(place, name) for place, node in found if id(node) not in for_types for name in _imported(node)]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
        return [a.value for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return []


class Project:
    """Everything under `root` that the rules speak of, read once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
        self.python = [Source(root, path) for path in files]
        self.gpunn = [source for source in self.python if source.parts[0] == "gpunn"]
        self.modules = {source.module for source in self.gpunn}
        self.cuda = {p.relative_to(root).as_posix(): p.read_text() for p in sorted((root / "kernels").rglob("*.cu*"))}

    def module_of(self, name: str) -> str | None:
        """The module of gpunn that an imported name comes from; None if it is not gpunn's."""
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name or None

    def text_files(self) -> Iterator[tuple[str, str]]:
        """(path, text) of every file that a commit would hold, at the root and in the known folders."""
        files = [path for path in self.root.iterdir() if not path.name.startswith(".coverage")]
        files += [path for folder in FOLDERS for path in (self.root / folder).rglob("*")]
        for path in sorted(files):
            if path.is_file() and "__pycache__" not in path.parts:
                yield (
                    path.relative_to(self.root).as_posix(),
                    path.read_text(encoding="utf-8", errors="ignore"),
                )
