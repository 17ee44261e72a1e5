"""select: make several, and keep the one that a judge finds best."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undercut.spaces.errors import InvalidAnswer
from undercut.spaces.estimate import CostWalk, Estimate, log
from undercut.spaces.extent import Extent
from undercut.spaces.genome import Node
from undercut.spaces.operators.base import Form, Gene, Operator, Scope, Signature, numbers, whole_gene
from undercut.spaces.question import Job, ModelWalk, unflagged
from undercut.spaces.reliability import blended, majority, once, share
from undercut.spaces.types import SCORE, TRUTH, Type


class Select(Operator):
    """Run the first body several times on the same inputs, and let the second one say which answer is best.

    Genes: `rule`; `candidates`, how many are made. With `best` the judge scores each candidate, and the highest score
    wins, the earlier one of equals. With `knockout` candidates meet in pairs, round by round: of `comparisons` answers
    to whether the first is the better one most decide, and on a tie the first goes on. Candidates that raised a red
    flag do not take part. The judge sees the candidate, or the two, and then the inputs.

    Source: Chen et al. 2024 (arXiv 2411.19477) for the knockout.
    """

    name = "select"
    summary = "make several and keep the one that a judge finds best (by score, or in a knockout)"

    def forms(self, target: Type, scope: Scope) -> Iterator[Form]:
        """Anything that something can score, or compare with another one of its kind."""
        candidates = numbers("candidates", (2, 3, 4, 6, 8), 1, 1001)
        for context in scope.contexts(target):
            body = Signature(context, target)
            for judge in scope.asking(SCORE, (target, *context)):
                yield Form(self.name, context, (body, judge), (Gene("rule", ("best",)), candidates))
            for judge in scope.asking(TRUTH, (target, target, *context)):
                if len(judge.inputs) > 1:
                    genes = (Gene("rule", ("knockout",)), candidates, numbers("comparisons", (1, 3, 5), 1, 1001))
                    yield Form(self.name, context, (body, judge), genes)

    async def run(self, node: Node, inputs: Sequence[Any], execution: ModelWalk) -> Any:
        """Make the candidates side by side, and judge them."""
        body, judge = node.bodies
        jobs: list[Job] = [
            (body, inputs, (*execution.sample, index)) for index in range(whole_gene(node, "candidates"))
        ]
        answers = await execution.parallel(jobs)
        left = [answer for answer in answers if not isinstance(answer, InvalidAnswer)]
        if not left:
            raise answers[0]
        if node.genes["rule"] == "best":
            jobs = [(judge, (candidate, *inputs), execution.sample) for candidate in left]
            scores = unflagged(await execution.parallel(jobs))
            return left[scores.index(max(scores))]
        count = whole_gene(node, "comparisons")
        while len(left) > 1:
            pairs = list(zip(left[::2], left[1::2], strict=False))
            jobs = [(judge, (*pair, *inputs), (*execution.sample, index)) for pair in pairs for index in range(count)]
            said = unflagged(await execution.parallel(jobs))
            won = [2 * sum(said[place * count : (place + 1) * count]) >= count for place in range(len(pairs))]
            left = [pair[not first] for pair, first in zip(pairs, won, strict=True)] + left[2 * len(pairs) :]
        return left[0]

    def cost(self, node: Node, inputs: Sequence[Extent], estimator: CostWalk) -> Estimate:
        """Every candidate, and every judgement of them, where none raises a red flag.

        Right if some candidate is, and the judge errs nowhere on its way: in its scores, or in its matches.
        """
        body, judge = node.bodies
        many = whole_gene(node, "candidates")
        ((one, _),), made = estimator.parallel(body, [(inputs, many)])
        cost, right, valid, usable = made.cost, 0.0, 0.0, math.exp(one.log_valid)
        if node.genes["rule"] == "best":
            _, judged = estimator.parallel(judge, [((one.extent, *inputs), many * usable)])
            cost += judged.cost
            right, valid = judged.log_right, judged.log_valid
        else:
            count, left = whole_gene(node, "comparisons"), many
            same = estimator.alikeness(judge)
            met = share(many * usable - once(usable, many), many - 1)  # the others have no match
            while left > 1:
                pairs = left // 2
                ((match, _),), judged = estimator.parallel(judge, [((one.extent, one.extent, *inputs), pairs * count)])
                cost += judged.cost * met
                sound = math.exp(match.log_right - match.log_valid) if match.log_valid > -math.inf else 0.0
                flags = judged.log_valid * met
                right += log(blended(majority(sound, count), sound, same)) + flags
                valid += flags
                left -= pairs
        p, same = math.exp(one.log_right), estimator.alikeness(body)
        sound = math.exp(right)
        found = blended(once(p, many), p, same)
        return Estimate(
            one.extent,
            cost,
            log(found * sound + p * max(0.0, math.exp(valid) - sound)),
            log(blended(once(usable, many), usable, same)) + valid,
            shares=one.shares,
        )
