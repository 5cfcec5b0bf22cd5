import threading
import warnings

import numpy as np
import pytest

from gpunn.engine import quiet

ZERO = np.zeros(2, np.float32)
RUNS = pytest.mark.parametrize("run", [quiet.run_quietly, quiet._run_by_errstate])


def test_numpy_has_the_variable():
    assert quiet.found() is not None
    assert quiet.run_quietly is quiet._run_by_variable


@RUNS
def test_no_warnings_inside_and_all_as_before_outside(run):
    with np.errstate(divide="raise", invalid="warn"):
        before = np.geterr()
        assert np.isnan(run(np.divide, (ZERO, ZERO))).all()
        assert np.geterr() == before
        with pytest.raises(FloatingPointError):
            np.divide(np.float32(1), ZERO)


@RUNS
def test_an_error_leaves_all_as_before(run):
    before = np.geterr()
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0, ())
    assert np.geterr() == before


def test_quietly_holds_for_all_inside_and_nests():
    before = np.geterr()
    with quiet.quietly():
        assert set(np.geterr().values()) == {"ignore"}
        with np.errstate(all="raise"):
            assert np.isnan(quiet.run_quietly(np.divide, (ZERO, ZERO))).all()
        with quiet.quietly():
            quiet.run_quietly(np.divide, (ZERO, ZERO))
        assert set(np.geterr().values()) == {"ignore"}
    assert np.geterr() == before


def test_other_threads_are_quiet_and_left_alone_too():
    seen = []

    def work():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            quiet.run_quietly(np.divide, (ZERO, ZERO))
        seen.append(np.geterr())

    with quiet.quietly():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [np.geterr()]
