"""loop: do it again to what came of it, until it is as good as can be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CostWalk, Estimate, log
from undercut.spaces.extent import Extent
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import ModelWalk
from undercut.spaces.reliability import blended, once, stopping
from undercut.spaces.types import SCORE, Type

FULL = 1
"""The score of what cannot be better."""


class Loop(Operator):
    """Change the first input again and again, until it has the full score or `rounds` are over.

    The first body makes the next candidate of the state and the further inputs, the second scores it. A candidate
    becomes the state as the rule `accept` says: `always`, or only if its score is `better` than the best so far. A
    round whose answer raised a red flag is lost; where all were, that is a failure.

    Genes: `accept`, `rounds`.

    Source: Meyerson & Qiu 2025 (arXiv 2502.04358), Sec. 3.3.
    """

    name = "loop"
    summary = "do it again to what came of it, until it has the full score"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything that there is one of already, where something gives a score."""
        genes = (Gene("accept", ("always", "better")), numbers("rounds", (2, 4, 8, 16, 32, 64), 1, 100_000))
        for context in scope.contexts(target):
            if context[:1] == (target,):
                for score in scope.asking(SCORE, context):
                    yield Form(self.name, context, (Signature(context, target), score), genes)

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Go round."""
        step, score = node.bodies
        state, *rest = inputs
        best: float = -1
        lost = InvalidAnswer("no round was made")
        for index in range(whole_gene(node, "rounds")):
            sample = (*execution.sample, index)
            try:
                candidate = await execution.apply(step, (state, *rest), sample)
                found = await execution.apply(score, (candidate, *rest), sample)
            except InvalidAnswer as flag:
                lost = flag
                continue
            if node.genes["accept"] == "always" or found > best:
                state = candidate
            best = max(best, found)
            if found >= FULL:
                return candidate
        if best < 0:
            raise lost
        return state

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The expected number of rounds, each of which gets to the full score if all of its answers are right.

        What a round makes of a state is taken not to depend on how good the state is. Where every candidate is taken,
        each round asks something new; where a state may stay, the next round may be a further sample of one prompt.
        """
        step, score = node.bodies
        most = whole_gene(node, "rounds")
        one = estimator.apply(step, inputs)
        test = estimator.apply(score, (one.extent, *inputs[1:]))
        good = math.exp(one.log_right + test.log_right)
        valid = math.exp(one.log_valid + test.log_valid)
        end = stopping(good, valid - good, most)
        same = estimator.alikeness(step) if node.genes["accept"] == "better" else 0.0
        times = blended(end.attempts, 1 + (1 - good) * (most - 1), same)
        cost = one.cost + test.cost * math.exp(one.log_valid)
        return Estimate(
            one.extent,
            cost * times,
            log(blended(end.accepted, good, same)),
            log(blended(once(valid, most), valid, same)),
            shares=one.shares,
        )
