"""Keys: where they come from, and the places that they must not get to."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from undercut.spaces.errors import ModelNameError

KEY = "OPENAI_API_KEY"
"""The environment variable that holds the key of an OpenAI-compatible server; without it none is sent."""
_LEAST = 8
_NAMED = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)S?(?![A-Z])")
_SECRET = re.compile(r"(?i)\b(?:sk|pk|rk|key|gsk|xai|hf)[-_][^\s'\",}]+|bearer\s+\S+|AIza\S+")
_ESCAPED = re.compile(r"\\u00([2-7][0-9A-Fa-f])|\\(/)")
_LONG_WORD = re.compile(rf"\S{{{_LEAST}}}")


def given_key(variable: str = KEY) -> str | None:
    """The key in an environment variable, without the white space around it; None where there is none.

    Raises:
        ModelNameError: no header can carry it.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ModelNameError(
            "a key must have nothing but printable ASCII characters, and the one in the environment variable "
            f"{variable} has others; set it again"
        )
    return key or None


def without_secrets(text: str) -> str:
    """The first 200 characters on one line, with everything taken out that looks like, or is, a key.

    What was said may be JSON that nobody has read, so that what it escapes is read here; what cannot be printed is not
    kept.
    """
    text = text.encode(errors="replace").decode()
    text = _ESCAPED.sub(lambda found: found[2] or chr(int(found[1], 16)), text)
    for value in _secrets():
        text = text.replace(value, "***")
    return _SECRET.sub("***", " ".join(text.split()))[:200]


def without_keys(text: str) -> str:
    """An answer without the environment's keys: a server may send back what it was sent, and answers are kept."""
    if _LONG_WORD.search(text):  # most have no word that long, and to look through the environment takes its time
        for value in _secrets():
            if not value.isdecimal():  # a limit of tokens, say, and an answer may well be that number
                text = text.replace(value, "***")
    return text


def refuse_key_in(address: str) -> None:
    """Do nothing where an API base has no key in its path: errors, journals and results repeat the address.

    Raises:
        ModelNameError: it has one.
    """
    path = unquote(address.partition("://")[2].partition("/")[2])
    key = os.environ.get(KEY, "").strip()
    # A word such as hf-inference is no key; one has figures in it.
    found = any(re.search(r"\d", each[0]) for part in path.split("/") for each in _SECRET.finditer(part))
    if found or (len(key) >= _LEAST and key in path):
        raise ModelNameError(
            "an API base must have no key in it, and the one given seems to have one; a key comes from the environment "
            f"variable {KEY}"
        )


def _secrets() -> list[str]:
    """What the environment's keys are, by the names of the variables; the longest first, as one may hold another."""
    found = {os.environ.get(name, "").strip() for name in os.environ if _NAMED.search(name)}
    return sorted((value for value in found if len(value) >= _LEAST), key=len, reverse=True)
