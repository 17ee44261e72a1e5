"""The one place where a request to a model is sent again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from undercut.evaluators.models.base import Samples
from undercut.spaces.errors import ModelError

Sleep: TypeAlias = Callable[[float], Awaitable[None]]
TELLING = 3
"""Failures after which somebody is told what keeps a request: from there on the waits are long enough to wonder."""


class TransientError(Exception):
    """A failure that may pass: a full server (429), a broken one (5xx), a timeout, a dropped connection.

    Attributes:
        wait: how long the server asks to wait, in seconds; None where it does not say.
        charged: whether the model may have answered, so that somebody may have to pay: so with an answer that got lost,
            not with a full server.
        answer: what to take for the answer if all attempts end like this; None where that stops the run.
    """

    def __init__(
        self, message: str, wait: float | None = None, *, charged: bool = False, answer: Samples | None = None
    ) -> None:
        super().__init__(message)
        self.wait = wait
        self.charged = charged
        self.answer = answer


class UnreachableError(TransientError):
    """Nobody could be asked: nothing was sent."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, and after how long, a request is sent again.

    The wait doubles from `first` up to `longest`, and is drawn from the upper half of that, so that clients which
    failed together do not come back together. Where a server asks for more (Retry-After), it is waited for; more than
    `patience` ends the attempts, since to come back earlier than asked only fails again. All waits are in seconds. A
    server that cannot even be reached is given up after `unreachable` attempts.
    """

    attempts: int = 10
    unreachable: int = 6
    first: float = 0.5
    longest: float = 30.0
    patience: float = 120.0

    def wait(self, failures: int, generator: random.Random) -> float:
        """How long to wait after so many failures (1 or more), in seconds."""
        longest: float = min(self.longest, self.first * 2.0 ** (failures - 1))
        return longest * (1 + generator.random()) / 2


async def retrying(
    send: Callable[[], Awaitable[Samples]],
    policy: RetryPolicy,
    *,
    seed: int = 0,
    sleep: Sleep = asyncio.sleep,
    tell: Callable[[str], None] = lambda trouble: None,
) -> Samples:
    """Send until it works; only a `TransientError` is tried again.

    Args:
        send: one attempt.
        policy: how often and how long apart.
        seed: what the jitter is drawn from.
        sleep: how to wait.
        tell: is told in words what keeps the request, once it has failed `TELLING` times and is sent again.

    Raises:
        ModelError: it failed `policy.attempts` times, or the server asks for more patience than the policy has.
    """
    generator: random.Random | None = None
    for failures in range(1, policy.attempts + 1):
        try:
            return await send()
        except TransientError as error:
            most = policy.unreachable if isinstance(error, UnreachableError) else policy.attempts
            if failures >= most and error.answer is not None:
                return error.answer
            if failures >= most:
                raise ModelError(f"{error} ({failures} attempts)") from None
            if error.wait is not None and error.wait > policy.patience:
                raise ModelError(f"{error}, and it asks to wait {error.wait:.0f} s") from None
            if failures == TELLING:
                tell(str(error))
            generator = generator or random.Random(seed)  # made when it is needed: most calls do not fail
            wait = max(policy.wait(failures, generator), error.wait or 0.0)  # some ask for 0 whatever happens
        await sleep(wait)
    raise ValueError("a retry policy needs at least one attempt")


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header (seconds, or a date): seconds to wait, None where there is none to be read."""
    if value is None:
        return None
    try:
        seconds = float(value)
        return max(0.0, seconds) if seconds == seconds else None
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):  # the last for a year that no date can have
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
