"""The state of autocasting: nested, of one thread or task, restored."""

import asyncio
import threading

import pytest

import gpunn as gp
from gpunn.engine import autocast


@pytest.fixture(autouse=True)
def outside():
    yield
    assert autocast.current.get() is autocast.OUTSIDE, "a test left a region open"


def enabled():
    return autocast.is_autocast_enabled("cpu"), autocast.is_autocast_enabled("cuda")


def test_regions_nest_and_end():
    assert enabled() == (False, False)
    autocast.enter("cpu", True, gp.float16, True)
    autocast.enter("cuda", True, gp.bfloat16, False)
    assert enabled() == (True, True)
    assert autocast.get_autocast_dtype("cpu") is gp.float16 and autocast.get_autocast_dtype("cuda:1") is gp.bfloat16
    assert not autocast.is_autocast_cache_enabled()
    autocast.enter("cpu", False, gp.bfloat16, True)
    assert enabled() == (False, True)
    autocast.leave()
    assert enabled() == (True, True)
    autocast.leave()
    assert enabled() == (True, False) and autocast.is_autocast_cache_enabled()
    autocast.leave()
    assert enabled() == (False, False)
    assert autocast.get_autocast_dtype("cpu") is gp.bfloat16 and autocast.get_autocast_dtype("cuda") is gp.float16


def test_settings_hold_until_the_region_ends():
    autocast.enter("cpu", False, gp.bfloat16, True)
    autocast.set_autocast_enabled("cpu", True)
    autocast.set_autocast_dtype("cpu", gp.float16)
    autocast.set_autocast_cache_enabled(False)
    assert autocast.is_autocast_enabled("cpu") and autocast.get_autocast_dtype("cpu") is gp.float16
    assert not autocast.is_autocast_cache_enabled()
    autocast.leave()
    assert enabled() == (False, False) and autocast.get_autocast_dtype("cpu") is gp.bfloat16
    assert autocast.is_autocast_cache_enabled()


def test_a_thread_begins_outside():
    autocast.enter("cpu", True, gp.bfloat16, True)
    found = []
    thread = threading.Thread(target=lambda: found.append(enabled()))
    thread.start()
    thread.join()
    autocast.leave()
    assert found == [(False, False)]


def test_tasks_do_not_see_each_other():
    async def inside(event, other):
        autocast.enter("cpu", True, gp.bfloat16, True)
        event.set()
        await other.wait()
        autocast.leave()

    async def beside(event, other):
        await event.wait()
        other.set()
        return enabled()

    async def both():
        event, other = asyncio.Event(), asyncio.Event()
        return await asyncio.gather(inside(event, other), beside(event, other))

    assert asyncio.run(both())[1] == (False, False)


def test_state_of_another_time():
    autocast.enter("cpu", True, gp.float16, True)
    state = autocast.current.get()
    autocast.leave()
    with autocast.as_in(state):
        assert autocast.is_autocast_enabled("cpu") and autocast.get_autocast_dtype("cpu") is gp.float16
        with autocast.switched_off():
            assert enabled() == (False, False) and autocast.plainly(enabled) == (False, False)
        assert autocast.plainly(enabled) == (False, False) and autocast.is_autocast_enabled("cpu")
        autocast.forget()
        assert enabled() == (False, False)
    assert enabled() == (False, False)


def test_casts_are_kept_until_the_outermost_region_ends():
    p = gp.ones(3, requires_grad=True)
    for begin in (autocast.enter, autocast.enter):
        begin("cpu", True, gp.bfloat16, True)
    cast = p.bfloat16()
    autocast.keep(p, gp.bfloat16, cast)
    assert autocast.kept(p, gp.bfloat16) is cast and autocast.kept(p, gp.float16) is None
    with gp.no_grad():
        assert autocast.kept(p, gp.bfloat16) is None, "one with a history serves no_grad, but not the other way round"
        p += 1
    assert autocast.kept(p, gp.bfloat16) is None, "the parameter has changed"
    autocast.keep(p, gp.bfloat16, cast)
    p.data = gp.zeros(3)
    assert autocast.kept(p, gp.bfloat16) is None, "the parameter has other data"
    autocast.keep(p, gp.bfloat16, cast)
    casts = autocast.current.get().casts
    autocast.leave()
    assert autocast.kept(p, gp.bfloat16) is cast
    autocast.clear_autocast_cache()
    assert autocast.kept(p, gp.bfloat16) is None
    autocast.keep(p, gp.bfloat16, cast)
    autocast.leave()
    assert casts == {}


def test_other_devices():
    assert autocast.is_autocast_available("cuda") and not autocast.is_autocast_available("meta")
    assert not autocast.is_autocast_enabled()
    for question in (autocast.is_autocast_enabled, autocast.get_autocast_dtype):
        with pytest.raises(RuntimeError, match="unsupported autocast device_type 'xpu'"):
            question("xpu")
