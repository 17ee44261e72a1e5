"""Text of a user's as a name, a literal or a line of code: nothing that is written can end what it stands in."""

from __future__ import annotations

import json
import keyword
import re


def identifier(name: str) -> str:
    """A name that can stand in code, for one that a user gave."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "it"
    return plain if plain.isidentifier() and not keyword.iskeyword(plain) else f"the_{plain}"


def text_literal(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else repr(text)


def one_line(text: str) -> str:
    """One line that can stand in a docstring."""
    line = " ".join(text.split()).encode(errors="replace").decode()
    return line.replace("\\", "\\\\").replace('"""', "'''") + (" " if line.endswith('"') else "")
