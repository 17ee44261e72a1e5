"""The embedded model: a small transformer trained from scratch for this project, computed with numpy alone."""

from undercut.evaluators.models.embedded.model import EmbeddedModel

__all__ = ["EmbeddedModel"]
