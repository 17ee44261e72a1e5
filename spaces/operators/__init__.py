"""The operators, one file each. A new operator is a new file and a row in this table."""

from __future__ import annotations

from undercut.spaces.operators.base import Operator
from undercut.spaces.operators.call import Call
from undercut.spaces.operators.code import Code
from undercut.spaces.operators.fold import Fold
from undercut.spaces.operators.guard import Guard
from undercut.spaces.operators.join import Join
from undercut.spaces.operators.loop import Loop
from undercut.spaces.operators.map import Map
from undercut.spaces.operators.merge_blocks import MergeBlocks
from undercut.spaces.operators.reduce import Reduce
from undercut.spaces.operators.retry import Retry
from undercut.spaces.operators.route import Route
from undercut.spaces.operators.select import Select
from undercut.spaces.operators.sort_by import SortBy
from undercut.spaces.operators.split import Split
from undercut.spaces.operators.vote import Vote

OPERATORS: dict[str, Operator] = {
    operator.name: operator
    for operator in (
        Call(),
        Code(),
        Split(),
        Join(),
        Map(),
        Reduce(),
        Fold(),
        MergeBlocks(),
        Vote(),
        Retry(),
        Select(),
        Route(),
        Guard(),
        Loop(),
        SortBy(),
    )
}
"""Every operator by name."""
