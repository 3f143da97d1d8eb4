# SPDX-License-Identifier: Apache-2.0
"""Waits for conditions, never for durations.

Every wait has a timeout, and a description that is in the failure.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: Longer than any wait takes, even on a busy machine.
TIMEOUT = 30.0

#: Seconds between two checks.
PAUSE = 0.02


def until(
    what: str,
    condition: Callable[[], Result],
    timeout: float = TIMEOUT,
    pause: float = PAUSE,
) -> Result:
    """Calls `condition` until its result is true, and returns the result."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what} (last: {result!r})")
        time.sleep(pause)


def within(
    seconds: float,
    action: Callable[[Result], object],
    *,
    prepare: Callable[[], Result],
    attempts: int = 10,
) -> bool:
    """Whether `action`, called with the result of `prepare`, takes less than `seconds` in at least
    one of several attempts: a busy machine delays some attempts, but an action that waits for
    something is slow in all of them."""
    for _ in range(attempts):
        prepared = prepare()
        began = time.monotonic()
        action(prepared)
        if time.monotonic() - began < seconds:
            return True
    return False
