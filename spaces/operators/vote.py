"""vote: ask several times, and take what most answers say."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CostWalk, Estimate, log
from undercut.spaces.extent import Extent
from undercut.spaces.first_ahead import first_ahead
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import ModelWalk
from undercut.spaces.reliability import blended, once, valid_majority
from undercut.spaces.types import Type

PATIENCE = 20
"""First-to-ahead stops after this many votes for each vote of lead, and takes the leader."""


class Vote(Operator):
    """Run the body several times on the same inputs and take the answer that wins.

    Genes: `rule`. With `majority`, `votes` answers are asked for at once and the commonest wins, the earlier one of
    equals. With `ahead`, answers are asked for until one is `lead` votes ahead of every other. Answers that raise a
    red flag do not count. Samples differ by the temperature and the shuffling of the calls in the body.

    Source: Wang et al. 2022 (arXiv 2203.11171) for majority, Meyerson et al. 2025 (arXiv 2511.09030) for ahead.
    """

    name = "vote"
    summary = "ask several times and take what most say (majority, or first to be K ahead)"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything, with a body that gives it."""
        rules = (
            (Gene("rule", ("majority",)), numbers("votes", (3, 5, 7), 1, 1001)),
            (Gene("rule", ("ahead",)), numbers("lead", (2, 3, 4), 1, 1001)),
        )
        for context in scope.contexts(target):
            for genes in rules:
                yield Form(self.name, context, (Signature(context, target),), genes)

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Ask until there is a winner."""
        rule = node.genes["rule"]
        first = whole_gene(node, "votes" if rule == "majority" else "lead")
        jobs = [(node.bodies[0], inputs, (*execution.sample, index)) for index in range(first)]
        answers = await execution.parallel(jobs)
        if rule == "ahead":
            counts = _counts(answers)
            while len(answers) < first * PATIENCE and _lead(counts) < first:
                more = await execution.parallel([(node.bodies[0], inputs, (*execution.sample, len(answers)))])
                answers += more
                counts.update(_counts(more))
        return winner(answers)

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """The body's cost for each vote, as expected; votes over one prompt are only partly independent."""
        body, first = node.bodies[0], whole_gene(node, "votes" if node.genes["rule"] == "majority" else "lead")
        ((one, _),), together = estimator.parallel(body, [(inputs, first)])
        valid = math.exp(one.log_valid)
        right = math.exp(one.log_right - one.log_valid) if valid > 0 else 0.0
        same, agreement = estimator.alikeness(body), estimator.agreement(body, inputs)
        votes: float = first
        most, depth = first, together.cost.depth
        if node.genes["rule"] == "majority":
            chance = valid_majority(right, valid, most, agreement)
        else:
            most = first * PATIENCE
            won, cast = first_ahead(right, first, agreement, most)
            votes = min(cast / valid, most) if valid > 0 else most
            votes = blended(votes, first + (1 - valid) * (most - first), same)
            depth += estimator.apply(body, inputs).cost.depth * (votes - first)
            chance = won * once(valid, most)
        return Estimate(
            one.extent,
            one.cost.repeated(votes, depth),
            log(blended(chance, right * valid, same)),
            log(blended(once(valid, most), valid, same)),
            shares=one.shares,
        )


def winner(answers: Sequence[Any]) -> Any:
    """The commonest answer that raised no red flag, the earliest of equals.

    Raises:
        InvalidAnswer: every answer raised one; the first one's.
    """
    counts = _counts(answers)
    if not counts:
        raise answers[0]
    best = max(counts, key=lambda key: counts[key])
    return next(a for a in answers if not isinstance(a, InvalidAnswer) and _in_words(a) == best)


def _counts(answers: Sequence[Any]) -> Counter[str]:
    return Counter(_in_words(answer) for answer in answers if not isinstance(answer, InvalidAnswer))


def _in_words(answer: Any) -> str:
    """What answers that are the same have in common."""
    return json.dumps(answer, sort_keys=True)


def _lead(counts: Counter[str]) -> int:
    top = [count for _, count in counts.most_common(2)]
    return (top[0] if top else 0) - (top[1] if len(top) > 1 else 0)
