"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .case import BYTES, LAYOUTS, PLACES, Case, Place, open_place
from .ceilings import Meter, probes
from .compare import compare, read
from .crossover import BATCHES
from .environment import context, cpu_threads
from .families import select
from .json_form import as_json
from .measure import measure, sweep
from .plot import plot, problem
from .ratios import page
from .report import Report, text
from .tables import WIDTH

SWEEP_PART = 5  # of the seconds of a case, for each batch of a sweep
OWN = ("cpu", "cuda")  # places whose ceilings are measured


ALWAYS = tuple(name for name in PLACES if not name.endswith("strong"))
DESCRIPTION = """\
Time gpunn's operations, layers and models on the CPU and on a GPU, and beside PyTorch where that is
installed: in one process, in turns, on the same random numbers."""
EXPLAINED = """\
backends:
  cpu                gpunn on NumPy
  cuda               gpunn on a GPU
  cuda-captured      the same, training steps of models recorded as one CUDA graph by gpunn.compile
  torch, torch-cuda  PyTorch with its defaults
  …-strong           PyTorch with channels_last and torch.compile; on a GPU with CUDA graphs, fused
                     updates and autocast to bfloat16 (not with --tf32)

columns:
  time      the median run, 20th and 80th percentile; on a GPU between two events of the stream
  %         of what this machine can do, measured before and between the cases: copies of as many
            bytes, products of matrices of the same type; above 100 if more is read than written
  bound     what the time goes into: memory, compute, or launch (the calls themselves)
  error     the largest difference from the same in float64, in parts of the largest value
  per s     samples a second: images, or texts
  /torch    gpunn's speed in parts of PyTorch's on the same device: 2.00 is twice as fast
  enqueue   how long the host is busy with one run on the GPU

The type "amp" is float32 under autocast to bfloat16, for models. Codes: 1 if a case failed in gpunn
or became too slow, 2 for wrong arguments, 130 when stopped by Ctrl-C.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks that `argv` asks for: tables go to stdout, the progress bar to stderr.

    1 if a case failed in gpunn, or with --compare if one is too slow; 2 for wrong arguments; 130 if it was stopped.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    names = _listed(parser, "backend", args.backends, PLACES)
    dtypes = _listed(parser, "type", args.dtype, tuple(BYTES))
    layouts = _listed(parser, "layout", args.layout, LAYOUTS) if args.layout else []
    if args.strong:
        names += [f"{name}-strong" for name in names if name in ("torch", "torch-cuda")]
    if trouble := _trouble(args):
        parser.error(trouble)
    try:
        old = read(args.compare) if args.compare else None
    except ValueError as error:
        parser.error(str(error))
    cases = select(args.filter, args.quick, dtypes, layouts)
    if not cases:
        parser.error(_nothing(args))
    if args.list:
        print("\n".join(f"{case.family}/{case.title}" for case in cases))
        return 0
    return finish(run(cases, names, args), args, old)


def _trouble(args: Any) -> str | None:
    """What is wrong with the arguments before anything has run; turns `batches` into numbers."""
    given = args.batches.split(",") if args.batches is not None else []
    if not all(n.strip().isdecimal() and int(n) > 0 for n in given):
        return f"--batches: expected whole numbers above 0 with commas between them, got {args.batches!r}"
    args.batches = sorted({int(n) for n in given})
    if args.seconds is not None and not 0 <= args.seconds < math.inf:
        return f"--seconds: expected a time, got {args.seconds:g}"
    if args.cpu_time and cpu_threads() > 1:
        return "--cpu-time adds the time of all threads up: let there be one, by the variable OPENBLAS_NUM_THREADS=1"
    if args.fail_below is not None and args.compare is None:
        return "--fail-below says how slow a case may be in parts of its earlier speed: it needs --compare OLD.json"
    for option in ("json", "markdown"):
        file = getattr(args, option)
        if file not in (None, "-") and not Path(file).resolve().parent.is_dir():
            return f"--{option} {file}: there is no folder {Path(file).parent}"
    return problem(args.plot) if args.plot is not None else None


def _nothing(args: Any) -> str:
    """Why no case is left."""
    words = ", ".join(args.filter)
    if args.filter and args.quick and select(args.filter, quick=False):
        return f"no case of --quick has {words} in its name"
    if args.filter and select(args.filter, quick=False):
        return f"no case with {words} in its name has the type {args.dtype}"
    return f"no case has {words} in its name; --list shows them all"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gpunn bench",
        description=DESCRIPTION,
        epilog=EXPLAINED,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=22, width=WIDTH),
    )
    parser.add_argument("filter", nargs="*", help='only cases whose "family/name" has one of these words in it')
    which = parser.add_argument_group("what is timed").add_argument
    which("--list", action="store_true", help="print the names of the cases and stop")
    which("--quick", action="store_true", help="a few cases, a quarter of a second each")
    which("--backends", default=",".join(ALWAYS), metavar="A,B", help="where (default: %(default)s)")
    which("--strong", action="store_true", help="also PyTorch as fast as it gets (compiling takes minutes)")
    which("--dtype", default="float32", metavar="A,B", help=f"of {', '.join(BYTES)} (default: %(default)s)")
    which("--tf32", action="store_true", help="let a GPU round products of float32 to TF32, in PyTorch too")
    which("--layout", metavar="A,B", help=f"of images: {', '.join(LAYOUTS)} (default: as in the case)")
    which("--batches", metavar="1,8,…", help="also time these batches (default with a GPU or --plot: 1 to 256)")
    how = parser.add_argument_group("how").add_argument
    how("--seconds", type=float, metavar="S", help="for each case and backend (default: 1, with --quick 0.25)")
    how("--cold", action="store_true", help="drive the data out of the caches before each run")
    how("--cpu-time", action="store_true", help="on the CPU count what the process had of it: for busy machines")
    how("--no-error", action="store_true", help="do not compute the errors against float64")
    out = parser.add_argument_group("what is done with the results").add_argument
    out("--json", metavar="FILE", help="write them as JSON (Google Benchmark's form) too; - for stdout, without tables")
    out("--compare", metavar="OLD.json", help="compare with earlier ones")
    out("--fail-below", type=float, metavar="0.95", help="with --compare: code 1 if a case has less of its old speed")
    out("--plot", metavar="FILE.png", help="draw the roofline and throughput by batch (.png or .svg)")
    out("--markdown", metavar="FILE.md", help="write a page of gpunn's speed on the CPU beside PyTorch")
    return parser


def _listed(parser: argparse.ArgumentParser, what: str, given: str, known: tuple[str, ...]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in given.split(",")))
    if unknown := [name for name in names if name not in known]:
        parser.error(f"unknown {what} {', '.join(unknown)}; there are {', '.join(known)}")
    return names


def run(cases: list[Case], names: list[str], args: Any) -> Report:
    """Open the places, measure their ceilings and the cases. Ctrl-C ends it with what is there by then."""
    threads = cpu_threads()
    opened = {name: open_place(name, threads, args.tf32, args.cpu_time) for name in names}
    places = [place for place in opened.values() if isinstance(place, Place)]
    missing = {name: reason for name, reason in opened.items() if isinstance(reason, str)}
    seconds = args.seconds if args.seconds is not None else (0.25 if args.quick else 1.0)
    on_gpu = any(place.device == "cuda" for place in places)
    cases = [case for case in cases if on_gpu or not case.large]
    dtypes = list(dict.fromkeys(case.dtype for case in cases))
    batches = args.batches or (list(BATCHES) if on_gpu or args.plot else [])
    found = context(places, threads, "cold" if args.cold else "warm", dtypes)
    found["clock"] = f"{'CPU time of the process' if args.cpu_time else 'wall time'}, on a GPU its events"
    report = Report([], names, {}, missing, found)
    meters: list[Meter] = []
    bar = tqdm(cases, desc="bench", leave=False, disable=not sys.stderr.isatty(), file=sys.stderr)
    try:
        if seconds > 0:
            bar.set_postfix_str("ceilings")
            meters += [Meter(place, probes(place, dtypes, args.cold)) for place in places if place.name in OWN]
            for meter in meters:
                meter.measure()
        for case in bar:
            bar.set_postfix_str(case.title)
            result = measure(case, places, seconds, not args.no_error, args.cold)
            if batches:
                result.sweep = sweep(case, places, batches, seconds / SWEEP_PART)
            report.results.append(result)
            for meter in meters:
                meter.measure_again()
    except KeyboardInterrupt:
        report.stopped = f"stopped after {len(report.results)} of {len(cases)} cases"
    bar.close()
    report.ceilings = {meter.place.name: meter.ceilings() for meter in meters if meter.is_ready}
    return report


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
    return 130 if report.stopped else int(failed)
