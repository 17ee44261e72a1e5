"""Any model that litellm knows, or any server that speaks OpenAI's chat protocol."""

from __future__ import annotations

import asyncio
import os
import re
from functools import cached_property
from types import ModuleType
from typing import Any

from undercut.evaluators.models.base import Completion, Price, PromptTooLongError, Request, Shape, Usage
from undercut.evaluators.models.retrying import RetryPolicy, Sleep, TransientError, retry_after, retrying
from undercut.spaces.errors import ModelError

TRANSIENT = (408, 409, 425, 429)
"""Statuses, besides 5xx, that may pass; all other 4xx say that the request itself is wrong."""
_SECRET = re.compile(r"(?i)\b(?:sk|pk|rk|key|gsk|xai|hf)[-_][^\s'\",}]+|bearer\s+\S+|AIza\S+")


def import_litellm() -> ModuleType:
    """Import litellm (seconds of CPU), so that it neither asks the network for prices nor prints."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    return litellm


class LitellmModel:
    """One model behind litellm.

    Sampling parameters that a provider does not take (a seed, a temperature) are left out for it. litellm's own
    retries are off: `retrying` alone sends again. A request of no content (no choice, null) is an empty text, which a
    primitive's parser flags.

    Args:
        name: `provider/model` as litellm writes it; with `api_base` a bare name is one of an OpenAI-compatible server.
        api_base: URL of a server of one's own.
        policy: how often a request is sent again.
        timeout: longest wait for one attempt, in seconds.
        sleep: how to wait between attempts.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        policy: RetryPolicy | None = None,
        timeout: float = 300.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._policy = policy or RetryPolicy()
        self._timeout = timeout
        self._sleep = sleep

    @property
    def name(self) -> str:
        """The name given."""
        return self._name

    @property
    def identity(self) -> str:
        """The name and, for a server of one's own, its address: two servers may give one name to different models."""
        return self._name if self._api_base is None else f"{self._name} at {self._api_base}"

    @property
    def shape(self) -> Shape | None:
        """None: providers do not tell."""
        return None

    @cached_property
    def price(self) -> Price | None:
        """Price from the table that comes with litellm; None for a server of one's own and for what it lists at 0."""
        if self._api_base is not None:
            return None
        table: dict[str, dict[str, Any]] = import_litellm().model_cost
        model, provider = self._target
        names = (self._name, f"{provider}/{model}", model)
        entries = (table[name] for name in names if name in table)
        entry = next((entry for entry in entries if entry.get("litellm_provider") == provider), {})
        prompt, completion = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
        if not prompt or completion is None:
            return None
        cached = entry.get("cache_read_input_token_cost")
        return Price(float(prompt), float(completion), None if cached is None else float(cached))

    @cached_property
    def _target(self) -> tuple[str, str]:
        """Model and provider, as litellm parts them."""
        if self._api_base is not None and "/" not in self._name:
            return self._name, "openai"
        litellm = import_litellm()
        try:
            model, provider, _, _ = litellm.get_llm_provider(self._name)
        except litellm.exceptions.BadRequestError:
            if self._api_base is None:
                raise ModelError(
                    f"a model is named provider/model, and litellm knows no provider of {self._name!r}"
                ) from None
            return self._name, "openai"  # a server of one's own may have a slash in its models' names
        return str(model), str(provider)

    @cached_property
    def _fixed(self) -> dict[str, Any]:
        """What is the same in every request."""
        model, provider = self._target
        fixed: dict[str, Any] = {
            "model": model,
            "custom_llm_provider": provider,
            "timeout": self._timeout,
            "num_retries": 0,
            "max_retries": 0,
            "drop_params": True,
        }
        if self._api_base is not None:
            fixed["api_base"] = self._api_base
            if provider == "openai" and not os.environ.get("OPENAI_API_KEY"):
                fixed["api_key"] = "none"  # the client refuses to start without one, and a server at home needs none
        return fixed

    @cached_property
    def _takes_seed(self) -> bool:
        model, provider = self._target
        return "seed" in (import_litellm().get_supported_openai_params(model, provider) or ())

    async def generate(self, request: Request) -> Completion:
        """Answer one request.

        Raises:
            PromptTooLongError: the prompt does not fit into the model's context.
            ModelError: the request was refused, or no answer came after all attempts.
        """
        return await retrying(lambda: self._send(request), self._policy, seed=request.seed, sleep=self._sleep)

    async def close(self) -> None:
        """Do nothing: litellm keeps its connections in one pool for the whole process."""

    async def _send(self, request: Request) -> Completion:
        litellm = import_litellm()
        parameters: dict[str, Any] = dict(self._fixed)
        if self._takes_seed:
            parameters["seed"] = request.seed
        try:
            response = await litellm.acompletion(
                messages=[{"role": "user", "content": request.prompt}],
                temperature=request.temperature,
                max_tokens=request.max_tokens,
                **parameters,
            )
        except Exception as error:  # litellm raises whatever its providers raise; all of it ends here
            raise self._mapped(error, litellm) from None  # its text may hold a key, so that it is not chained either
        return completion_of(response)

    def _mapped(self, error: Exception, litellm: ModuleType) -> Exception:
        """The error of ours that says what went wrong; the most specific first."""
        known = litellm.exceptions
        status = getattr(error, "status_code", None)
        kind = type(error).__name__
        if isinstance(error, known.ContextWindowExceededError):
            return PromptTooLongError(
                f"a prompt must fit into the context of {self._name!r}, and one does not; split it further"
            )
        if isinstance(error, known.Timeout):
            return TransientError(f"the model {self._name!r} gave no answer within {self._timeout:g} s")
        if isinstance(error, known.APIConnectionError):
            return TransientError(f"the model {self._name!r} cannot be reached{self._where()} ({kind})")
        if status in (401, 403):
            return ModelError(
                f"the provider of {self._name!r} refused the key (HTTP {status}); set a valid one in the provider's "
                "environment variable"
            )
        if isinstance(status, int) and (status in TRANSIENT or status >= 500):
            headers = getattr(error, "litellm_response_headers", None) or {}
            return TransientError(
                f"the model {self._name!r}{self._where()} failed with HTTP {status} ({kind})",
                retry_after(headers.get("retry-after")),
            )
        return ModelError(f"the model {self._name!r} refused a request ({kind}): {without_secrets(str(error))}")

    def _where(self) -> str:
        # An address may carry a password before its @.
        return "" if self._api_base is None else f" at {re.sub(r'//[^/@]*@', '//', self._api_base)}"


def completion_of(response: Any) -> Completion:
    """Read litellm's response; counts that the provider did not send are None."""
    choice = response.choices[0] if response.choices else None
    text = (choice.message.content if choice is not None and choice.message is not None else None) or ""
    usage = getattr(response, "usage", None)
    prompt = (
        getattr(usage, "prompt_tokens", None) or None
    )  # no prompt has 0 tokens: litellm writes 0 for what is missing
    written = getattr(usage, "completion_tokens", None)
    completion = None if prompt is None or (written == 0 and text) else written
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    finish = "length" if choice is not None and choice.finish_reason == "length" else "stop"
    return Completion(
        text, Usage(prompt, completion, min(cached, prompt or 0)), "length" if finish == "length" else "stop"
    )


def without_secrets(text: str) -> str:
    """The first 200 characters on one line, with everything taken out that looks like, or is, a key."""
    for name, value in os.environ.items():
        if len(value) >= 8 and re.search(r"KEY|TOKEN|SECRET|PASSWORD", name):
            text = text.replace(value, "***")
    return _SECRET.sub("***", " ".join(text.split()))[:200]
