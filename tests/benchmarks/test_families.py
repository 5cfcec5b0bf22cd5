"""Which cases there are, and the choice among them."""

from benchmarks.families import FAMILIES, everything, select

CASES = list(everything())


def names(*args, **options):
    return [case.title for case in select(*args, **options)]


def test_names_are_unique_and_every_family_has_cases():
    titles = [case.title for case in CASES]
    assert len(set(titles)) == len(titles)
    assert all(list(module.cases()) for modules in FAMILIES.values() for module in modules)
    assert {case.family.partition("/")[0] for case in CASES} == {"ops", "layers", "models", "overhead"}


def test_every_case_counts_something():
    assert [c.name for c in CASES if not (c.moved or c.flops or c.images or c.calls)] == []


def test_words_choose_by_family_and_name():
    assert names(["sigmoid", "mlp/back"], False) == [
        "sigmoid/forward/64x6x28x28",
        "sigmoid/forward+backward/64x6x28x28",
        "mlp/backward/batch64",
    ]
    assert names(["sigmoid", "mlp/back"], True) == ["mlp/backward/batch64"]
    assert {case.family for case in select(["layers/"], False)} == {
        f"layers/{name}" for name in ("conv", "pool", "recurrent", "attention", "norm")
    }
    assert names(["nothing"], False) == []


def test_types_and_formats_are_in_the_name():
    assert names(["mlp/step"], False, ["float32", "bfloat16"]) == ["mlp/step/batch64", "mlp/step/batch64/bfloat16"]
    both = ["contiguous", "channels_last"]
    found = names(["max_pool2d-2x2/forward/", "mlp/step", "launch/bare"], False, ["float16"], both)
    assert found == [
        "max_pool2d-2x2/forward/64x6x28x28/float16",
        "max_pool2d-2x2/forward/64x6x28x28/float16/channels_last",
        "mlp/step/batch64/float16",  # no images
        "launch/bare",  # no numbers
    ]


def test_autocast_is_for_models():
    assert names(["mlp/step", "/relu/forward/"], False, ["amp"]) == ["mlp/step/batch64/amp"]


def test_a_case_with_its_own_format_is_there_once():
    found = names(["max_pool2d-3x3s2/forward/"], False, layouts=["channels_last"])
    assert found == ["max_pool2d-3x3s2/forward/8x64x56x56/channels_last"]


def test_large_cases_can_be_left_out():
    assert any(case.large for case in CASES)
    assert not any(case.large for case in select([], False, large=False))


def test_a_batch_of_another_size_is_the_same_case_with_more_or_less_work():
    for case in CASES:
        if case.sweep is None:
            continue
        assert case.batch > 0
        same, half = case.sweep(case.batch), case.sweep(3)
        assert (same.name, same.moved, same.flops, same.images) == (case.name, case.moved, case.flops, case.images)
        assert half.batch == 3 and half.flops * case.batch == case.flops * 3
