"""The tables of a report."""

import pytest

from benchmarks.case import PLACES, Case
from benchmarks.measure import Timing
from benchmarks.rows import by_batch, ratio, table
from tests.benchmarks.made_up import ADD, CALLS, EAGER, MATMUL, STEP, TIMES, TOPS, full, result


def shown(*results):
    return table(list(results), TOPS)


def test_all_that_is_known_of_a_case():
    assert shown(full()).splitlines() == [
        "                    time [p20, p80]  TFLOP/s   %    bound  error  /torch   /cpu",
        "matmul",
        "  cpu          20.0 ms [15.0, 25.0]    0.200  20  compute  1e-07    0.50",
        "  cuda        1.00 ms [0.900, 1.10]     4.00  25  compute  3e-04    2.00  20.00",
        "  torch        10.0 ms [10.0, 12.5]    0.400               1e+00",
        "  torch-cuda   2.00 ms [2.00, 2.00]     2.00",
        "    cuda enqueue 200 us; transfer in 4.00 ms, out 500 us; cuda wins from batch 2",
    ]


def test_every_place_and_every_column_fit_into_100_columns():
    sweep = {name: {1: 1.0, 1024: 1e-3} for name in PLACES}
    name = "binary_cross_entropy_with_logits/forward+backward/256x4096/bfloat16/channels_last"
    case = Case(name, None, moved=10**9, flops=10**9, images=1024, is_model=True, is_step=True, sweep=lambda n: None)
    errors = dict.fromkeys(PLACES, 1e-7)
    wide = result(case, *PLACES, errors=errors, transfers=(0.123, 0.123), sweep=sweep)
    wide.times["cpu"] = Timing(0.00123, 0.000987, 0.01234, 1, 0.1)
    lines = [*shown(wide).splitlines(), *next(by_batch([wide])).splitlines()[2:]]
    assert lines.count(name) == 1
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines[2:9]] == list(PLACES)


def test_memory_images_and_calls():
    add, step, launch = [shown(result(case, "cpu")).splitlines() for case in (ADD, STEP, CALLS)]
    assert add[2].split()[-3:] == ["0.600", "30", "memory"] and "GB/s" in add[0]
    assert step[0].split()[3:5] == ["per", "s"] and step[2].split()[5] == "3.20k"
    assert launch[0].split()[3:] == ["a", "call", "bound"] and launch[2].split()[5:] == ["20.0", "us", "launch"]


def test_captured_steps_stand_beside_those_of_pytorch_and_have_their_enqueue():
    lines = shown(result(STEP, "cuda", "cuda-captured", "torch-cuda", "torch-cuda-strong")).splitlines()
    cells = {line.split()[0]: line.split() for line in lines[2:6]}
    assert lines[0].split()[-2:] == ["/torch", "/strong"]
    assert cells["cuda"][-2:] == ["2.00", "0.40"] and cells["cuda-captured"][-2:] == ["4.00", "0.80"]
    assert lines[-1] == "    cuda enqueue 200 us; cuda-captured enqueue 10.0 us"


def test_without_ceilings_there_is_no_part_of_them():
    head = table([result(ADD, "cpu")], {}).splitlines()[0]
    assert "%" not in head and "bound" not in head and "GB/s" in head


def test_what_failed_is_said():
    lines = shown(result(ADD, "cpu", faults={"torch": "TypeError: no"})).splitlines()
    assert lines[-1].split() == ["torch", "failed"]


def test_ratios_need_both_sides():
    assert ratio(result(ADD, "cpu", "torch"), "cpu", "torch") == 0.5
    assert ratio(result(ADD, "cpu"), "cpu", "torch") is None
    assert "/cpu" not in shown(result(ADD, "cuda"), result(MATMUL, "cpu"))


def test_large_ratios_are_whole():
    fast = result(ADD, "cuda", "cpu")
    fast.times["cpu"] = Timing(0.1234, 0.1, 0.2, 1)
    assert shown(fast).splitlines()[2].split()[-1] == "123"


def test_throughput_by_batch():
    (text,) = by_batch([full(), result(ADD, *EAGER)])
    assert text.splitlines() == [
        "           1     2     4",
        "matmul: GPU wins from batch 2",
        "  cpu   2.00  2.00  2.00",
        "  cuda  1.00  2.00  4.00",
    ]


def test_many_batches_are_told_in_several_tables():
    many = result(MATMUL, "cpu", sweep={"cpu": {n: 1.0 for n in range(1, 13)}})
    first, second = by_batch([many])
    assert first.splitlines()[0].split() == [str(n) for n in range(1, 10)]
    assert second.splitlines()[0].split() == ["10", "11", "12"] and "not measured" in second


@pytest.mark.parametrize("name", ["cpu", "torch"])
def test_a_place_that_dropped_out_has_a_dash(name):
    (text,) = by_batch([result(MATMUL, *TIMES, sweep={"cuda": {1: 1.0, 2: 1.0}, name: {1: 0.5}})])
    assert text.splitlines()[-1].split() == [name, "2.00", "-"]
