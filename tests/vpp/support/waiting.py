# SPDX-License-Identifier: Apache-2.0
"""Waiting for conditions, never for durations.

Owns the deadline that every wait has. A test that waits says what for, and that is what
it fails with.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

#: More than anything takes here, also on a machine that is busy.
PATIENCE = 30.0

#: From one look to the next.
PAUSE = 0.02


def until(
    what: str,
    condition: Callable[[], Result],
    patience: float = PATIENCE,
    pause: float = PAUSE,
) -> Result:
    """Calls `condition` until what it gives is true, and gives that."""
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience:g} s: {what} (last: {result!r})")
        time.sleep(pause)


def within(
    seconds: float,
    action: Callable[[Result], object],
    *,
    prepare: Callable[[], Result],
    attempts: int = 10,
) -> bool:
    """Whether `action`, which is given what `prepare` gives, has ended in less than so many
    seconds, in one of some attempts. A busy machine takes its time now and then, but not each
    time; what waits for something else does."""
    for _ in range(attempts):
        prepared = prepare()
        began = time.monotonic()
        action(prepared)
        if time.monotonic() - began < seconds:
            return True
    return False
