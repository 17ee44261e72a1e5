"""Any model that litellm knows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import ModuleType
from typing import Any

from undercut.evaluators.models.base import TIMEOUT, Completion, Price, PromptTooLongError, Request, Shape
from undercut.evaluators.models.chat import read_reply, refusal
from undercut.evaluators.models.keys import given_key, refuse_key_in
from undercut.evaluators.models.litellm_price import listed_price
from undercut.evaluators.models.retrying import TransientError, UnreachableError, retry_after
from undercut.spaces.errors import ModelError


def import_litellm() -> ModuleType:
    """Import litellm (seconds of CPU), so that it neither asks the network for prices nor prints."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm

    litellm.suppress_debug_info = True
    return litellm


class LitellmModel:
    """One model behind litellm.

    Sampling parameters that a provider does not take (a seed, a temperature) are left out for it. litellm's own
    retries are off: `retrying` alone sends again.

    Args:
        name: `provider/model` as litellm writes it; a bare name with `api_base` is that of an OpenAI-compatible server.
        api_base: URL of a server of one's own.
        timeout: longest wait for one attempt, in seconds.

    Raises:
        ModelNameError: the address has a key in it, or the provider's key cannot be used.
    """

    def __init__(self, name: str, *, api_base: str | None = None, timeout: float = TIMEOUT) -> None:
        if api_base is not None:
            refuse_key_in(api_base)
        given_key(_variable(name.partition("/")[0] if "/" in name else "openai"))
        self._name = name
        self._api_base = api_base
        self._timeout = timeout

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
        """Price from the table that comes with litellm (see `listed_price`); None for a server of one's own."""
        if self._api_base is not None:
            return None
        table: dict[str, dict[str, Any]] = import_litellm().model_cost
        model, provider = self._target
        names = (self._name, f"{provider}/{model}", model)
        entries = (table[name] for name in names if name in table)
        entry = next((entry for entry in entries if entry.get("litellm_provider") == provider), {})
        return listed_price(self._name, entry)

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
        variable = _variable(provider)
        key = given_key(variable)
        if key is None and self._api_base is not None and provider == "openai":
            key = "none"  # the client refuses to start without one, and a server at home needs none
        if key != os.environ.get(variable):  # else litellm takes it from there
            fixed["api_key"] = key
        return fixed

    @cached_property
    def _takes_seed(self) -> bool:
        model, provider = self._target
        return "seed" in (import_litellm().get_supported_openai_params(model, provider) or ())

    async def generate(self, request: Request) -> Completion:
        """Answer one request, in one attempt.

        Raises:
            PromptTooLongError: the prompt does not fit into the model's context.
            TransientError: no answer came, which may pass.
            ModelError: the request was refused.
        """
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
            data = response.model_dump()
        except Exception as error:  # litellm raises whatever its providers raise; all of it ends here
            raise self._mapped(error, litellm) from None  # its text may hold a key, so that it is not chained either
        return read_reply(data, self._who).completions[0]

    async def close(self) -> None:
        """Do nothing: litellm keeps its connections in one pool for the whole process."""

    def _mapped(self, error: Exception, litellm: ModuleType) -> Exception:
        """Our error for one of litellm; the most specific first."""
        known = litellm.exceptions
        status = getattr(error, "status_code", None)
        if isinstance(error, known.ContextWindowExceededError):
            return PromptTooLongError(
                f"a prompt must fit into the context of {self._who}, and one does not; split it further"
            )
        outside = list(_below(error))
        if _not_sent(outside):  # which litellm may call a timeout, a lost connection or a status of 500
            return UnreachableError(f"{self._who} cannot be reached ({type(error).__name__})")
        if isinstance(error, known.Timeout):
            return TransientError(f"{self._who} gave no answer within {self._timeout:g} s (--timeout)", charged=True)
        if isinstance(error, known.APIConnectionError):
            return TransientError(f"{self._who} dropped a connection ({type(error).__name__})", charged=True)
        told = _status_sent(outside)
        if told is not None and told >= 500:
            status = told  # litellm makes a 500 of those that it does not know
        headers = getattr(error, "litellm_response_headers", None) or {}
        wait = retry_after(headers.get("retry-after"))
        found = refusal(self._who, status if isinstance(status, int) else 400, str(error), wait)
        if told is None and (isinstance(found, TransientError) or (outside and status not in (401, 403, 404))):
            kind = type(outside[0] if outside else error).__name__
            return TransientError(f"{self._who} gave no answer that can be read ({kind})", wait, charged=True)
        return found

    @property
    def _who(self) -> str:
        # An address may carry a password before its @.
        where = "" if self._api_base is None else f" at {re.sub(r'//[^/@]*@', '//', self._api_base)}"
        return f"the model {self._name!r}{where}"


def _variable(provider: str) -> str:
    """The environment variable that holds the key of most providers."""
    return f"{provider.upper()}_API_KEY"


def _below(error: BaseException | None) -> Iterator[BaseException]:
    """The errors that an error of litellm comes from, those of the clients below it alone."""
    while error is not None:
        if type(error).__module__.partition(".")[0] != "litellm":
            yield error
        error = error.__cause__ or error.__context__


def _not_sent(errors: Sequence[BaseException]) -> bool:
    """Whether errors come from a connection that was never made."""
    never = ("ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError")
    return any(type(error).__name__ in never for error in errors)


def _status_sent(errors: Sequence[BaseException]) -> int | None:
    """The status of 400 or more that a server really sent, by what the clients below litellm say; None for none.

    litellm's own errors have a status too, and a response with it, whatever happened: a connection that broke, half a
    reply, a reply that is none. What was asked for may have been computed all the same.
    """
    for error in errors:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if isinstance(status, int) and status >= 400:
            return status
    return None
