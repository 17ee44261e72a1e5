"""OpenAI's chat protocol, read with the suspicion that servers deserve: what a reply or a refusal means to us.

Source: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from undercut.evaluators.models.base import Completion, PromptRefusedError, PromptTooLongError, Request, Samples, Usage
from undercut.evaluators.models.keys import without_keys, without_secrets
from undercut.evaluators.models.retrying import TransientError
from undercut.spaces.errors import ModelError

TRANSIENT = (408, 409, 425, 429)
"""Statuses, besides 5xx, that may pass; all other 4xx say that the request itself is wrong."""
LOST = (408, 502, 504, 524)
"""Statuses of a gateway that stopped waiting: the model behind it may have answered."""
NONSENSE = 2**53
"""No count of tokens comes near it; from there on a float does not tell them apart, and a journal cannot hold them."""
_TOO_LONG = re.compile(
    r"(?i)context_length_exceeded|maximum context length|context window|exceed\w* the (available )?context|"
    r"prompt is too long|reduce the length of the messages"
)
_FILTERED = re.compile(r"(?i)content_?(filter|policy)|content management policy")


def asked(model: str, request: Request, samples: int = 1) -> dict[str, Any]:
    """A request in the protocol's form."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "user", "content": request.prompt}],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
    }
    return body if samples == 1 else {**body, "n": samples}


def read_json(content: bytes) -> Any:
    """Decode a reply's body.

    Raises:
        ValueError: it is no JSON, or is nested too deep to be read.
    """
    try:
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a text that was cut within a character, say
            return json.loads(content.decode(errors="replace"))
    except RecursionError:
        raise ValueError("a reply must not be nested deeper than Python can read, and one is") from None


def read_reply(data: Any, who: str, samples: int = 1) -> Samples:
    """Read a reply; at most so many samples, fewer where it has fewer.

    A count that was not told is unknown. Where one choice does not tell its own tokens (hardly any server does), the
    reply's are shared out by the lengths of the texts.

    Raises:
        TransientError: it is no reply, or an empty one. After all attempts an empty one is an empty answer.
    """
    choices = data.get("choices") if isinstance(data, dict) else None
    if not isinstance(choices, list):
        raise TransientError(f"{who} sent JSON that is no chat completion", charged=True)
    found = _in_order([choice for choice in choices if isinstance(choice, dict)])[:samples]
    texts, ends = [without_keys(_text(choice)) for choice in found], [_finish(choice) for choice in found]
    usage = _usage(data.get("usage"), any(texts))
    if not found or not (any(texts) or usage.completion or any(ends)):
        empty = Samples((Completion("", usage),), usage)
        raise TransientError(f"{who} sent an empty answer", charged=True, answer=empty)
    shares = _shares(found, texts, usage.completion)
    completions = [
        Completion(text, Usage(usage.prompt, share, usage.cached), "length" if end == "length" else "stop")
        for text, end, share in zip(texts, ends, shares, strict=True)
    ]
    return Samples(tuple(completions), usage)


def refusal(
    who: str, status: int, said: str, wait: float | None, key: str = "the environment variable of its provider"
) -> Exception:
    """Our error for an HTTP status other than 200.

    Args:
        who: the model and where it is.
        status: the HTTP status.
        said: the body, or what was told of it.
        wait: how long the server asks to wait, in seconds; None where it does not say.
        key: the environment variable that holds the key.
    """
    if status in (401, 403):
        return ModelError(f"{who} refused the key (HTTP {status}); set a valid one in {key}")
    if status == 429 and "insufficient_quota" in said:
        return ModelError(f"{who} has no quota left for this key (HTTP 429); add some, or use another key")
    if status in TRANSIENT or status >= 500:
        return TransientError(f"{who} failed with HTTP {status}", wait, charged=status in LOST)
    if status in (400, 413, 422) and (status == 413 or _TOO_LONG.search(said)):
        return PromptTooLongError(f"a prompt must fit into the context of {who}, and one does not; split it further")
    if status == 400 and _FILTERED.search(said):
        return PromptRefusedError(f"{who} answers what its content filter lets pass, and one prompt it does not")
    return ModelError(f"{who} refused a request (HTTP {status}): {without_secrets(said)}")


def _in_order(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choices by their index, where each has one of its own; else as they came."""
    places = [choice.get("index") for choice in choices]
    if len(places) < 2 or any(type(place) is not int for place in places) or len(set(places)) < len(places):
        return choices
    return sorted(choices, key=lambda choice: int(choice["index"]))


def _text(choice: Mapping[str, Any]) -> str:
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):  # parts, of which texts are one kind
        texts = (part.get("text") for part in content if isinstance(part, dict))
        content = "".join(text for text in texts if isinstance(text, str))
    if not isinstance(content, str):
        return ""
    return content.encode(errors="replace").decode()  # half a pair of surrogates can neither be kept nor printed


def _finish(choice: Mapping[str, Any]) -> str:
    """Why an answer ended; "" where it simply did."""
    reason = choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason != "stop" else ""


def _usage(told: Any, wrote: bool) -> Usage:
    """What the server says it used; no prompt has 0 tokens, and no text has.

    Some providers tell the tokens of thinking in the total alone; they are written, and charged, as well.
    """
    if not isinstance(told, dict):
        return Usage(None, None)
    prompt = _count(told.get("prompt_tokens")) or None
    written, total = _count(told.get("completion_tokens")), _count(told.get("total_tokens"))
    if prompt is not None and written is not None and total is not None:
        written = max(written, total - prompt)
    completion = None if prompt is None or (written == 0 and wrote) else written
    details = told.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(prompt, completion, min(cached or 0, prompt or 0))


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < NONSENSE else None


def _shares(choices: Sequence[Mapping[str, Any]], texts: Sequence[str], total: int | None) -> list[int | None]:
    """Each choice's tokens: as it tells, or its share by the length of its text; they add up to the total."""
    if total is None or len(choices) == 1:
        return [total] * len(choices)
    told = [_usage_of_choice(choice) for choice in choices]
    known = [count for count in told if count is not None]
    if len(known) == len(told) and sum(known) == total:
        return list(known)
    lengths = [1 + len(text) for text in texts]
    ends = [total * sum(lengths[: place + 1]) // sum(lengths) for place in range(len(lengths))]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


def _usage_of_choice(choice: Mapping[str, Any]) -> int | None:
    usage = choice.get("usage")
    return _count(usage.get("completion_tokens")) if isinstance(usage, dict) else None
