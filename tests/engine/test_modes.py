import asyncio
import threading

import pytest

import gpunn as gp
from gpunn.engine import modes


def leaf():
    return gp.tensor([1.0, 2.0], requires_grad=True)


def test_no_grad_records_nothing():
    with gp.no_grad():
        y = leaf() * 2
        assert not gp.is_grad_enabled()
    assert y.grad_fn is None and not y.requires_grad
    assert gp.is_grad_enabled()


def test_enable_grad_inside_no_grad():
    with gp.no_grad(), gp.enable_grad():
        assert (leaf() * 2).requires_grad


@pytest.mark.parametrize("decorator", [gp.no_grad, gp.no_grad(), gp.set_grad_enabled(True)])
def test_as_decorator(decorator):
    expected = not isinstance(decorator, modes.set_grad_enabled) and False

    @decorator
    def mode(a, b=2):
        """Says what is on."""
        return gp.is_grad_enabled(), a + b

    assert mode.__doc__ == "Says what is on."
    assert mode(1, b=3) == (isinstance(decorator, modes.set_grad_enabled) or expected, 4)
    assert gp.is_grad_enabled()


def test_set_grad_enabled_as_decorator_changes_only_the_function():
    @gp.set_grad_enabled(False)
    def mode():
        return gp.is_grad_enabled()

    assert gp.is_grad_enabled()
    assert not mode()
    assert gp.is_grad_enabled()


def test_set_grad_enabled_at_once_and_as_context():
    gp.set_grad_enabled(False)
    assert not gp.is_grad_enabled()
    gp.set_grad_enabled(True)
    with gp.set_grad_enabled(False):
        assert not gp.is_grad_enabled()
    assert gp.is_grad_enabled()


def test_mode_is_restored_after_an_exception():
    with pytest.raises(KeyError), gp.no_grad():
        raise KeyError
    assert gp.is_grad_enabled()


def test_generator_runs_in_the_mode_and_its_user_does_not():
    @gp.no_grad()
    def numbers():
        yield gp.is_grad_enabled()
        yield gp.is_grad_enabled()

    seen = [(inside, gp.is_grad_enabled()) for inside in numbers()]
    assert seen == [(False, True), (False, True)]


def test_class_as_target_decorates_its_constructor():
    @gp.no_grad()
    class Thing:
        def __init__(self):
            self.mode = gp.is_grad_enabled()

    assert Thing().mode is False


@pytest.mark.parametrize("decorator", [gp.inference_mode, gp.inference_mode()])
def test_inference_mode_decorator(decorator):
    @decorator
    def make():
        return leaf().detach() * 1, gp.is_inference_mode_enabled()

    y, on = make()
    assert on and y.is_inference() and not gp.is_inference_mode_enabled()


def test_inference_tensors_stay_out_of_graphs():
    with gp.inference_mode():
        x = gp.tensor([1.0, 2.0])
        x.mul_(2)
    with pytest.raises(RuntimeError, match="cannot be saved for backward"):
        leaf() * x
    with pytest.raises(RuntimeError, match="outside InferenceMode"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="clone"):
        x.requires_grad = True
    assert (leaf() * x.clone()).requires_grad
    with gp.inference_mode(False):
        assert gp.is_grad_enabled()


def test_each_thread_has_its_own_mode():
    seen = []
    with gp.no_grad():
        thread = threading.Thread(target=lambda: seen.append(gp.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_each_async_task_has_its_own_mode():
    async def quiet(started, seen):
        with gp.no_grad():
            started.set()
            await asyncio.sleep(0)
            seen.append(("quiet", gp.is_grad_enabled()))

    async def loud(started, seen):
        await started.wait()
        seen.append(("loud", gp.is_grad_enabled()))

    async def both():
        started, seen = asyncio.Event(), []
        await asyncio.gather(quiet(started, seen), loud(started, seen))
        return dict(seen)

    assert asyncio.run(both()) == {"quiet": False, "loud": True}


def test_the_base_mode_sets_nothing():
    with pytest.raises(NotImplementedError):
        modes._Mode().__enter__()


def test_a_decorated_generator_takes_what_is_sent_and_thrown_and_returns_its_value():
    seen = []

    @gp.no_grad()
    def talk():
        try:
            got = yield "first"
            try:
                yield got, gp.is_grad_enabled()
            except KeyError as error:
                yield error.args[0], gp.is_grad_enabled()
            return "value"
        finally:
            seen.append(gp.is_grad_enabled())

    talking = talk()
    assert next(talking) == "first"
    assert talking.send(5) == (5, False)
    assert talking.throw(KeyError("thrown")) == ("thrown", False)
    with pytest.raises(StopIteration) as end:
        next(talking)
    assert end.value.value == "value" and seen == [False] and gp.is_grad_enabled()
    closed = talk()
    next(closed)
    closed.close()
    assert seen == [False, False]
    failing = talk()
    next(failing)
    with pytest.raises(ValueError, match="not caught"):
        failing.throw(ValueError("not caught"))
    assert gp.is_grad_enabled()
