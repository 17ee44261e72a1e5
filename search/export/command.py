"""What makes an exported file a command: a model to begin with, and reading and printing JSON.

Like `runtime`, this is copied as source and runs on Python 3.9 with the standard library alone.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

from undercut.spaces.errors import InvalidAnswer


def llm(prompt: str, temperature: float = 0.0, model: str = "", max_tokens: int = 0) -> str:
    """PUT YOUR MODEL HERE. Any function from a prompt to a text will do; it may leave out the options.

    As it stands, it asks the OpenAI-compatible endpoint that the environment names: OPENAI_BASE_URL (up to and with
    /v1), MODEL, and OPENAI_API_KEY where the endpoint wants one.
    """
    base, name = os.environ.get("OPENAI_BASE_URL"), model or os.environ.get("MODEL")
    if not base or not name:
        sys.exit("This file has no model yet: set OPENAI_BASE_URL and MODEL, or put your own code into llm().")
    body = {"model": name, "messages": [{"role": "user", "content": prompt}], "temperature": temperature}
    if max_tokens:
        body["max_tokens"] = max_tokens
    headers = {"Content-Type": "application/json"}
    key = (os.environ.get("OPENAI_API_KEY") or "").strip()
    if not (key.isascii() and key.isprintable()):  # urllib would repeat it in its error
        sys.exit("OPENAI_API_KEY must have nothing but printable ASCII characters, and has others; set it again.")
    try:
        request = urllib.request.Request(base.rstrip("/") + "/chat/completions", json.dumps(body).encode(), headers)
        if key:  # it is for this host alone, and not for one that the host may redirect to
            request.add_unredirected_header("Authorization", "Bearer " + key)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)["choices"][0]["message"]["content"] or ""
    except (OSError, HTTPException, LookupError, TypeError, ValueError) as error:
        raise OSError(
            "OPENAI_BASE_URL must be an OpenAI-compatible server, up to and with /v1, and MODEL one of its models: "
            f"{type(error).__name__}, {error}"
        ) from error


def main(solve: Callable[..., Any], *kinds: str) -> None:
    """Read a JSON list of the inputs from the file that is named, or from standard input; print the result as JSON.

    `kinds` are the inputs' types, those in brackets lists.
    """
    if len(sys.argv) > 1 and sys.argv[1] in ("-h", "--help"):
        print(
            f"python {sys.argv[0]} [FILE]: run on the JSON list of inputs ({', '.join(kinds)}) in FILE, or on standard "
            "input"
        )
        return
    try:
        if len(sys.argv) > 2:
            raise ValueError(f"one file is read, and {len(sys.argv) - 1} were given")
        if len(sys.argv) > 1:
            with open(sys.argv[1], encoding="utf-8") as file:
                inputs = json.load(file)
        else:
            inputs = json.load(sys.stdin)
        if not isinstance(inputs, list):
            raise ValueError("it is no list")
        if len(inputs) != len(kinds):
            raise ValueError(f"this file takes {len(kinds)} ({', '.join(kinds)}), and {len(inputs)} were given")
        for index, kind in enumerate(kinds):
            if kind.startswith("[") and not isinstance(inputs[index], list):
                raise ValueError(f"input {index + 1} must be a list, {kind}, and {inputs[index]!r} is none")
    except (OSError, ValueError) as error:
        sys.exit(f"The inputs must be a JSON list, such as [[3, 1, 2]] for one list of numbers: {error}")
    try:
        result = solve(llm, *inputs)
    except InvalidAnswer as error:
        sys.exit(f"The model gave no valid answer: {error}")
    except OSError as error:
        sys.exit(f"The model could not be asked: {error}")
    print(json.dumps(result))
