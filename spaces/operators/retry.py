"""retry: ask again until an answer raises no red flag, or passes a check."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import NOTHING_DONE, CostWalk, Estimate, log
from undercut.spaces.extent import Extent
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import ModelWalk
from undercut.spaces.reliability import blended, share, stopping
from undercut.spaces.types import TRUTH, Type


class Retry(Operator):
    """Run the body until its answer is valid, at most `tries` times.

    An answer is valid when it raised no red flag and, where there is a second body, when that one says yes to the
    answer (its first input) and the inputs (its further ones). Where no answer passes the check, the last one that it
    refused is given; where none is without a red flag, that is a failure.

    Gene: `tries`.

    Source: Brown et al. 2024 (arXiv 2407.21787) for a check that is exact.
    """

    name = "retry"
    summary = "ask again until an answer raises no red flag, or passes a check"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything, with a body that gives it and perhaps one that checks it."""
        tries = numbers("tries", (2, 3, 5, 10), 1, 1000)
        for context in scope.contexts(target):
            body = Signature(context, target)
            yield Form(self.name, context, (body,), (tries,))
            if TRUTH in scope.toolbox.types:
                yield Form(self.name, context, (body, Signature((target, *context), TRUTH)), (tries,))

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Try."""
        body, *check = node.bodies
        kept: Any = InvalidAnswer("no attempt was made")
        for attempt in range(whole_gene(node, "tries")):
            sample = (*execution.sample, attempt)
            try:
                answer = await execution.apply(body, inputs, sample)
                if not check or await execution.apply(check[0], (answer, *inputs), sample):
                    return answer
                kept = answer
            except InvalidAnswer as flag:
                kept = flag if isinstance(kept, InvalidAnswer) else kept
        if isinstance(kept, InvalidAnswer):
            raise kept
        return kept

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The expected number of attempts, each at the body's cost and, where there is one, the check's."""
        body, *check = node.bodies
        most = whole_gene(node, "tries")
        one = estimator.apply(body, inputs)
        test = estimator.apply(check[0], (one.extent, *inputs)) if check else NOTHING_DONE
        valid, right = math.exp(one.log_valid), math.exp(one.log_right)
        tested, told = math.exp(test.log_valid), math.exp(test.log_right)
        catches = estimator.rates.catches(check[0], body) if check else 0.0
        refuses = told * catches + (tested - told) * (1 - catches)
        good, bad = right * told, (valid - right) * (tested - refuses)
        missed, caught = right * (tested - told), (valid - right) * refuses
        end = stopping(good + bad, missed + caught, most)
        same = estimator.alikeness(body)
        times = blended(end.attempts, 1 + (1 - good - bad) * (most - 1), same)
        accepted_right = end.accepted * share(good, good + bad) + end.kept * share(missed, missed + caught)
        cost = one.cost + test.cost * valid
        return Estimate(
            one.extent,
            cost * times,
            log(blended(accepted_right, good + missed, same)),
            log(blended(end.accepted + end.kept, good + bad + missed + caught, same)),
            shares=one.shares,
        )
