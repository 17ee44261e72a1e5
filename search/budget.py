"""What the limits of a run leave room for: a search ends in order before they cut it off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from undercut.evaluators.bill import Spent
from undercut.evaluators.ledger import Ledger
from undercut.search.store import Store
from undercut.spaces.cost import Cost

SPARE = 1.15
"""What is yet to be sent is taken to cost so many times its forecast."""
KEPT = 0.4
"""Share of the last measurement that races must leave room for where limits are close: no measurement makes up for what
was never found."""
UNLIKE = 0.25
"""At least this share of the calls to come is taken to be new: the first runs may share most of their calls with the
calibration."""


@dataclass(frozen=True)
class Room:
    """What is left to spend.

    Attributes:
        left: calls, tokens and US dollars, those of them that are limited.
        dearer: times its forecast that what is sent costs.
        untold: what a call takes on the bill beyond its forecast, by unit, since models do not tell what it used.
    """

    left: Mapping[str, float]
    dearer: float = 1.0
    untold: Mapping[str, float] = field(default_factory=dict)

    def times(self, cost: Cost) -> float:
        """How often so much can be spent; a cost that is not known is taken for nothing."""
        taken = {unit: self._taken(cost, unit) for unit in self.left}
        shares = [left / taken[unit] for unit, left in self.left.items() if taken[unit]]
        return min((share for share in shares if not math.isnan(share)), default=math.inf)

    def without(self, cost: Cost) -> Room:
        """What is left beside that."""
        taken = {unit: self._taken(cost, unit) for unit in self.left}
        left = {
            unit: most if math.isnan(taken[unit]) else max(0.0, most - taken[unit]) for unit, most in self.left.items()
        }
        return replace(self, left=left)

    def lacking(self, cost: Cost) -> dict[str, float]:
        """What is wanting for so much, by unit, of those units of which there is not enough."""
        wanting = {unit: self._taken(cost, unit) - left for unit, left in self.left.items()}
        return {unit: much for unit, much in wanting.items() if much > 0}

    def _taken(self, cost: Cost, unit: str) -> float:
        known: float = getattr(cost, unit)
        return (known + cost.calls * self.untold.get(unit, 0.0)) * self.dearer

    @property
    def options(self) -> str:
        """The options that limit it, as a person writes them."""
        return " and ".join(f"--max-{unit}" for unit in self.left)


class Budget:
    """What a run had spent at each point of its way, kept so that a run that is resumed decides as it did before.

    Points are told apart by the number of different answers that the search had had by then.
    """

    def __init__(self, ledger: Ledger, store: Store) -> None:
        self._ledger = ledger
        self._store = store
        # Calls that brought no answer before this process began: what lost them is over, and says nothing of the calls
        # to come. Answers taken over from other runs hide such calls, all but those that are still reserved.
        unanswered = ledger.spent.calls - len(store.answers) if ledger.limits else 0
        self._lost = max(unanswered, ledger.elsewhere.calls)
        self._others = max(0, -unanswered)  # answers taken over, at the most
        if ledger.limits:
            store.answers.watch()

    def room(self, answers: int, unlike: float = 1.0, untold: float = 0.0) -> Room:
        """What is left when the search has had so many different answers.

        Calls sent beside these, to judges or because others failed, are expected to go on at the same rate. The rate is
        rounded to tenths, so that one call that failed before a run was resumed changes nothing.

        Args:
            answers: how many different answers the search has had.
            unlike: share of the runs' calls that were asked for the first time.
            untold: share of the answers whose usage no model told; the bill counts such calls at their most.
        """
        limits = self._ledger.limits
        if not limits:
            return Room({})
        spent, lost = self._store.spent_by(answers, self._come_to(), self._lost)
        left = {unit: limit - (self._ledger.taken(unit, spent) or 0.0) for unit, limit in limits.items()}
        most = untold * spent.uncertain / max(1, spent.unmetered)
        dollars = most * (spent.usd or 0.0) / max(1, spent.tokens)
        rate = max(1.0, round((spent.calls - lost) / max(1, answers), 1))
        beyond = {"tokens": most * self._ledger.untold, "usd": dollars}
        return Room(left, SPARE * max(UNLIKE, unlike) * rate, beyond)

    def _come_to(self) -> Spent:
        """What was spent, without the answers from before this process began that the search has not come to yet.

        Under another limit it went another way. It is taken to need them further on, at no cost: counted as they are,
        they would leave no room for what is to come.
        """
        spent, ahead = self._ledger.spent, max(0, self._store.answers.unmet - self._others)
        return spent.part(max(0.0, 1 - ahead / spent.calls)) if ahead and spent.calls else spent
