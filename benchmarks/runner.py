"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .case import BYTES, LAYOUTS, PLACES, Case, Place, open_place
from .ceilings import Ceilings, ceilings
from .compare import compare, read
from .crossover import BATCHES
from .environment import context, cpu_threads
from .families import select
from .measure import Result, measure, sweep
from .plot import plot, problem
from .ratios import page
from .report import Report, as_json, text

SWEEP_PART = 5  # of the seconds of a case, for each batch of a sweep


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks that `argv` asks for: tables go to stdout, the progress bar to stderr.

    1 if a case failed in gpunn, or with --compare if one is too slow; 2 for wrong arguments.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    names = _listed(parser, "backend", args.backends, PLACES)
    dtypes = _listed(parser, "type", args.dtype, tuple(BYTES))
    layouts = _listed(parser, "layout", args.layout, LAYOUTS) if args.layout else []
    if args.strong:
        names += [f"{name}-strong" for name in names if name in ("torch", "torch-cuda")]
    if args.plot is not None and (trouble := problem(args.plot)):
        parser.error(trouble)
    try:
        batches = [int(n) for n in args.batches.split(",")] if args.batches else []
        old = read(args.compare) if args.compare else None
    except ValueError as error:
        parser.error(str(error))
    if any(n < 1 for n in batches):
        parser.error(f"--batches: expected numbers above 0, got {args.batches}")
    cases = select(args.filter, args.quick, dtypes, layouts)
    if not cases:
        parser.error("no case has such a name; see --list")
    if args.list:
        print("\n".join(f"{case.family}/{case.title}" for case in cases))
        return 0
    report = run(cases, names, args, batches)
    return finish(report, args, old)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gpunn bench",
        description="Time gpunn's operations, layers and models on the CPU and on a GPU, and beside PyTorch, in one "
        "run in which they take turns.",
    )
    add = parser.add_argument
    add("filter", nargs="*", help='only cases whose "family/name" contains one of these words')
    add("--quick", action="store_true", help="a few cases, a quarter of a second each")
    add("--backends", default="cpu,cuda,torch,torch-cuda", help=f"of {', '.join(PLACES)} (default: %(default)s)")
    add("--strong", action="store_true", help="also PyTorch as fast as it gets: channels_last, compile, graphs, AMP")
    add("--dtype", default="float32", help=f"of {', '.join(BYTES)} (default: %(default)s)")
    add("--layout", help=f"of images: {', '.join(LAYOUTS)} (default: as in the case)")
    add("--batches", metavar="1,8,…", help="also time these batches (default with a GPU or --plot: 1 to 256)")
    add("--seconds", type=float, help="time for each case and backend (default: 1, quick: 0.25)")
    add("--cold", action="store_true", help="drive the data out of the caches before each run")
    add("--no-error", action="store_true", help="do not compute the errors against float64")
    add("--json", metavar="FILE", help="also write the results as JSON; - for stdout, without the tables")
    add("--compare", metavar="OLD.json", help="compare with earlier results")
    add("--fail-below", type=float, metavar="0.95", help="of --compare: code 1 if a case has less of its earlier speed")
    add("--plot", metavar="FILE.png", help="write a figure: roofline and throughput by batch (.png or .svg)")
    add("--markdown", metavar="FILE.md", help="write a page of gpunn's speed on the CPU beside PyTorch")
    add("--list", action="store_true", help="print the names of the cases and stop")
    return parser


def _listed(parser: argparse.ArgumentParser, what: str, given: str, known: tuple[str, ...]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    if unknown := [name for name in names if name not in known]:
        parser.error(f"unknown {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def run(cases: list[Case], names: list[str], args: Any, batches: list[int]) -> Report:
    """Open the places, measure their ceilings and the cases."""
    threads = cpu_threads()
    opened = {name: open_place(name, threads) for name in names}
    places = [place for place in opened.values() if isinstance(place, Place)]
    missing = {name: reason for name, reason in opened.items() if isinstance(reason, str)}
    seconds = args.seconds if args.seconds is not None else (0.25 if args.quick else 1.0)
    on_gpu = any(place.device == "cuda" for place in places)
    cases = [case for case in cases if on_gpu or not case.large]
    dtypes = list(dict.fromkeys(case.dtype for case in cases))
    tops: dict[str, Ceilings] = {}
    if seconds > 0:
        tops = {place.name: ceilings(place, dtypes) for place in places if place.is_gpunn}
    batches = batches or (list(BATCHES) if on_gpu or args.plot else [])
    results: list[Result] = []
    for case in tqdm(cases, desc="bench", leave=False, disable=not sys.stderr.isatty()):
        result = measure(case, places, seconds, not args.no_error, args.cold)
        if batches:
            result.sweep = sweep(case, places, batches, seconds / SWEEP_PART)
        results.append(result)
    found = context(places, threads, "cold" if args.cold else "warm")
    return Report(results, names, tops, missing, found)


def finish(report: Report, args: Any, old: dict[str, Any] | None) -> int:
    """Write what was asked for; the exit code."""
    found = as_json(report)
    written = json.dumps(found, indent=1)
    if args.json == "-":
        print(written)
    else:
        print(text(report))
        if args.json is not None:
            Path(args.json).write_text(written + "\n")
    if args.plot is not None:
        plot(report, args.plot)
    if args.markdown is not None:
        Path(args.markdown).write_text(page(found, Path(args.json).name if args.json else "FILE"))
    failed = any(not name.startswith("torch") for result in report.results for name in result.faults)
    if old is not None:
        table, is_slow = compare(old, found, args.fail_below)
        print(f"\ncompared with {args.compare}:\n{table}", file=sys.stderr if args.json == "-" else sys.stdout)
        failed |= is_slow
    return 1 if failed else 0
