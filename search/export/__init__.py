"""A chosen decomposition in forms that are of use without undercut."""

from __future__ import annotations

from undercut.search.export.as_mermaid import to_mermaid
from undercut.search.export.as_python import to_python

__all__ = ["to_mermaid", "to_python"]
