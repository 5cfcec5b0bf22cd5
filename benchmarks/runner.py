"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from . import (
    activation,
    arithmetic,
    attention,
    conv,
    dropout,
    indexing,
    kernels,
    linalg,
    loss,
    models,
    norm,
    optimizer,
    pool,
    recurrent,
    reduction,
    resize,
    softmax,
)
from .case import Case, Place, open_place
from .environment import context, cpu_threads
from .measure import measure
from .report import Results, as_json, table

FAMILIES = (
    arithmetic,
    reduction,
    linalg,
    activation,
    softmax,
    loss,
    conv,
    pool,
    recurrent,
    attention,
    norm,
    resize,
    dropout,
    indexing,
    optimizer,
    models,
    kernels,
)
PLACES = ("cpu", "cuda", "torch")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks that `argv` asks for; the table goes to stdout, the progress bar to stderr."""
    parser = argparse.ArgumentParser(
        prog="gpunn bench",
        description="Time gpunn's operations and models on the CPU, on a GPU and beside PyTorch, in one run.",
    )
    parser.add_argument("filter", nargs="*", help="only cases whose name contains one of these words")
    parser.add_argument("--quick", action="store_true", help="a few cases, a quarter of a second each")
    parser.add_argument("--backends", default="cpu,cuda", help="of cpu, cuda, torch (default: cpu,cuda)")
    parser.add_argument(
        "--json", metavar="FILE", help="also write the results as JSON; - for stdout, without the table"
    )
    parser.add_argument("--seconds", type=float, help="time for each case and backend (default: 1, quick: 0.25)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    args = parser.parse_args(argv)
    names = list(dict.fromkeys(name.strip() for name in args.backends.split(",")))
    unknown = [name for name in names if name not in PLACES]
    if unknown:
        parser.error(f"unknown backend {', '.join(unknown)}; there are {', '.join(PLACES)}")
    cases = select(args.filter, args.quick)
    if not cases:
        parser.error("no case has such a name; see --list")
    if args.list:
        print("\n".join(case.name for case in cases))
        return 0
    default = 0.25 if args.quick else 1.0
    return _run(cases, names, default if args.seconds is None else args.seconds, args.json)


def select(words: Sequence[str], quick: bool) -> list[Case]:
    """The cases of all families that `--quick` and the filter leave."""
    everything = [case for family in FAMILIES for case in family.cases()]
    chosen = [case for case in everything if case.quick or not quick]
    return [case for case in chosen if not words or any(word in case.name for word in words)]


def _run(cases: list[Case], names: list[str], seconds: float, json_file: str | None) -> int:
    threads = cpu_threads()
    opened = {name: open_place(name, threads) for name in names}
    places = [place for place in opened.values() if isinstance(place, Place)]
    missing = {name: reason for name, reason in opened.items() if isinstance(reason, str)}
    results: Results = []
    for case in tqdm(cases, desc="bench", leave=False, disable=not sys.stderr.isatty()):
        results.append((case, measure(case, places, seconds)))
    found = context(places, threads)
    if json_file != "-":
        print("  ".join(f"{key}: {value}" for key, value in found.items() if value not in ("", None)))
        for name, reason in missing.items():
            print(f"{name}: {reason}")
        print(table(results, names, missing))
    if json_file is not None:
        text = json.dumps(as_json(results, found, missing), indent=1)
        if json_file == "-":
            print(text)
        else:
            Path(json_file).write_text(text + "\n")
    return 0
