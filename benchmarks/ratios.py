"""A page of Markdown from a JSON of results: gpunn's speed on the CPU in parts of PyTorch's, case by case."""

from __future__ import annotations

from typing import Any

from .ceilings import told
from .compare import seconds
from .report import SLOW
from .tables import geometric_mean, markdown, number


def page(found: dict[str, Any], source: str) -> str:
    """The page: machine and date, means by family, a row for each case, the reasons of the slow ones."""
    context = found["context"]
    times: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in found["benchmarks"]:
        times.setdefault(entry["case"], {})[entry["backend"]] = entry
    both = {name: by for name, by in times.items() if {"cpu", "torch"} <= set(by)}
    ratios = {name: seconds(by["torch"]) / seconds(by["cpu"]) for name, by in both.items()}
    lines = [
        "# gpunn and PyTorch on the CPU",
        "",
        f"{context['cpu'] or 'CPU'}, {context['threads']} {'thread' if context['threads'] == 1 else 'threads'} each; "
        f"PyTorch {context.get('torch', '-')}, NumPy {context['numpy']} with {context['blas']}; "
        f"gpunn {context['commit'] or context['gpunn']}; {context['date'][:10]}. Both take turns in one process, on "
        f"the same numbers; medians of {context.get('clock', 'wall time').partition(',')[0]}. Made by",
        "",
        f"    gpunn bench --backends cpu,torch --json {source} --markdown README.md",
        "",
        "speed: gpunn's in parts of PyTorch's (1: as fast). error: of gpunn, against NumPy in float64.",
        "",
        *_means(both, ratios),
        "",
        *_cases(both, ratios),
    ]
    slow = [name for name in both if ratios[name] < SLOW]
    if slow:
        lines += ["", f"Below {SLOW:g}, and why:", ""]
        lines += [f"- {name}: {_reason(both[name]['cpu'])}" for name in slow]
    return "\n".join(lines) + "\n"


def _reason(entry: dict[str, Any]) -> str:
    found: str = entry.get("reason") or told(entry.get("bound", ""), entry.get("share_of_ceiling"))
    return found


def _means(both: dict[str, dict[str, dict[str, Any]]], ratios: dict[str, float]) -> list[str]:
    families: dict[str, list[str]] = {}
    for name, by in both.items():
        families.setdefault(by["cpu"]["family"], []).append(name)
    rows = [["family", "cases", "geometric mean", "worst"]]
    for family, names in families.items():
        worst = min(names, key=lambda name: ratios[name])
        mean = geometric_mean([ratios[name] for name in names])
        rows.append([family, str(len(names)), f"{mean:.2f}", f"{ratios[worst]:.2f} {worst}"])
    return [markdown(rows)] if ratios else ["Nothing was measured beside PyTorch."]


def _cases(both: dict[str, dict[str, dict[str, Any]]], ratios: dict[str, float]) -> list[str]:
    rows = [["case", "gpunn ms", "PyTorch ms", "speed", "error"]]
    for name, by in both.items():
        error = f"{by['cpu']['error']:.0e}" if "error" in by["cpu"] else "-"
        ours, theirs = 1e3 * seconds(by["cpu"]), 1e3 * seconds(by["torch"])
        rows.append([name, number(ours), number(theirs), f"{ratios[name]:.2f}", error])
    return [markdown(rows)] if ratios else []
