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
