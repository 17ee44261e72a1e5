"""Models by name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from undercut.evaluators.models import gpt35
from undercut.evaluators.models.base import TIMEOUT, Model, Shape
from undercut.evaluators.models.sheet import Sheet, on_terms
from undercut.evaluators.models.simulated import Capability, SimulatedModel, count_pieces
from undercut.evaluators.plugins import plugin, plugin_names
from undercut.spaces.errors import ModelNameError, UsageError
from undercut.spaces.primitive import Primitive

PERFECT = {1: 1.0}
NOISY = {0: 1.0, 500: 0.0}
"""Right with probability 1 - 0.002 n."""
NOMINAL = Shape(parameters=1_000_000_000, layers=16, width=2048)
"""The shape of models that never existed, so that their answers have FLOPs."""

SIMULATED: Mapping[str, tuple[str, Capability, Shape | None]] = {
    "perfect": ("never errs", Capability({}, PERFECT), NOMINAL),
    "noisy": ("wrong with probability 0.2 % per item, each sample anew", Capability({}, NOISY), NOMINAL),
    "stubborn": ("as noisy, and every sample of a prompt is the same", Capability({}, NOISY, dependence=1.0), NOMINAL),
    "gpt-3.5": (
        "errs as often as gpt-3.5-turbo-0125 was measured to",
        Capability(gpt35.MEASURED, gpt35.ASSUMED),
        None,
    ),
}
"""Simulated models: what they are, what they can do, and their shape. Their tokens are words, numbers and signs."""


def list_models() -> list[tuple[str, str]]:
    """Every name that `open_model` takes, each with one line that says what it is."""
    return [
        ("embedded", "a small transformer that ships with undercut; no network, no key"),
        *((f"simulated/{name}", f"a simulation: {line}") for name, (line, _, _) in SIMULATED.items()),
        *((name, "of an installed package") for name in plugin_names("models")),
        ("PROVIDER/MODEL", "any model that litellm knows, such as openai/gpt-5-mini or ollama/llama3.2"),
        ("NAME --api-base URL", "any model of an OpenAI-compatible server of your own"),
    ]


def runs_here(name: str) -> bool:
    """Whether the model of this name runs in this process, so that its calls cost nothing but time."""
    return name == "embedded" or name.startswith("simulated/")


def open_model(
    name: str,
    *,
    api_base: str | None = None,
    primitives: Iterable[Primitive] | None = None,
    timeout: float | None = None,
    keyless: bool = False,
) -> Model:
    """Open a model by its name; nothing is sent yet.

    Args:
        name: `embedded`, `simulated/NAME`, an installed package's entry point, `provider/model` as litellm writes it,
            or, with `api_base`, any name.
        api_base: URL of a server of one's own; embedded and simulated models do without it.
        primitives: what it will be asked; a simulated model is refused where it could not answer one of them.
        timeout: longest wait for one attempt, in seconds; `TIMEOUT`, if not given. Models on this machine do without.
        keyless: whether it may lack its key: then it can be priced, and not asked.

    Raises:
        UsageError: the timeout is none.
        ModelNameError: no such model, its key is not set, or it cannot answer one of the primitives.
    """
    if timeout is not None and not 0 < timeout < math.inf:
        raise UsageError(f"--timeout must be a number of seconds above 0, as in 60, not {timeout}")
    wait = TIMEOUT if timeout is None else timeout
    if name == "embedded":
        return _embedded()
    if name.startswith("simulated/"):
        return _simulated(name, primitives or ())
    if name in plugin_names("models"):
        return _announced(name)
    if api_base is not None:
        return _served(name, api_base, wait)
    if not re.fullmatch(r"[^/\s]+/\S+", name):
        raise _unknown(name)
    return _litellm(name, wait, keyless)


@dataclass(frozen=True, slots=True)
class Access:
    """How a run reaches its models, and on which terms.

    Attributes:
        api_base: where they are served; None for their own provider.
        timeout: longest wait for one attempt, in seconds; None is `TIMEOUT`.
        sheet: prices and shapes that the user gave.
        batch: whether prices are those of requests that may wait.
        keyless: whether a model may lack its key: then it can be priced, and not asked.
    """

    api_base: str | None = None
    timeout: float | None = None
    sheet: Sheet = field(default_factory=Sheet)
    batch: bool = False
    keyless: bool = False


def open_models(
    names: Sequence[str], access: Access | None = None, primitives: Iterable[Primitive] = ()
) -> list[Model]:
    """Open models by name, as `open_model` does, on the terms of a sheet where it has them.

    Raises:
        ModelNameError: as `open_model`.
        UsageError: batch prices are wanted, and the sheet has none; or the timeout is none.
    """
    access, wanted = access or Access(), list(primitives)
    opened = [
        open_model(name, api_base=access.api_base, primitives=wanted, timeout=access.timeout, keyless=access.keyless)
        for name in names
    ]
    return [on_terms(model, access.sheet, access.batch) for model in opened]


def _announced(name: str) -> Model:
    """The model that an installed package makes of its name."""
    make = plugin("models", name)
    try:
        found = make(name)
    except Exception as error:  # it is somebody's code, and may raise anything
        found = f"{type(error).__name__}: {error}"
    if not isinstance(found, Model):
        raise ModelNameError(
            f"the entry points undercut.models must be functions from a name to a Model, and {name!r} gives {found!r}"
        )
    return found


def _embedded() -> Model:
    from undercut.evaluators.models.embedded import EmbeddedModel

    try:
        return EmbeddedModel()
    except FileNotFoundError as error:
        raise ModelNameError(
            "the embedded model needs its weights, which this installation lacks; install again"
        ) from error


def _simulated(name: str, primitives: Iterable[Primitive]) -> Model:
    known = SIMULATED.get(name.removeprefix("simulated/"))
    if known is None:
        raise _unknown(name)
    lacking = [primitive.name for primitive in primitives if primitive.reference is None]
    if lacking:
        raise ModelNameError(
            f"a simulated model answers by a primitive's reference, and {', '.join(lacking)} has none; a "
            "language model would do"
        )
    _, capability, shape = known
    return SimulatedModel(name, capability, shape=shape, count=count_pieces)


def _served(name: str, api_base: str, timeout: float) -> Model:
    from undercut.evaluators.models.openai_compatible import OpenAICompatibleModel

    return OpenAICompatibleModel(name, api_base, timeout=timeout)


def _litellm(name: str, timeout: float, keyless: bool) -> Model:
    from undercut.evaluators.models.litellm_model import LitellmModel, import_litellm

    litellm = import_litellm()
    try:
        litellm.get_llm_provider(name)
    except Exception:  # what it raises for an unknown name differs between versions, and its text is a page
        raise _unknown(name) from None
    # Other lacks than a key (a region, a base with a default, AWS credentials in a profile) are not always lacks.
    found = litellm.validate_environment(name)
    keys = [key for key in found["missing_keys"] if key.endswith("_API_KEY")]
    if keys and not found["keys_in_environment"] and not keyless:
        raise ModelNameError(
            f"the model {name!r} needs a key in the environment variable {' or '.join(keys)}, which is not set; set "
            "it, or name a server of your own with --api-base"
        )
    return LitellmModel(name, timeout=timeout)


def _unknown(name: str) -> ModelNameError:
    simulated = ", ".join(f"simulated/{known}" for known in SIMULATED)
    return ModelNameError(
        f"a model must be known, and {name!r} is not: embedded, {simulated}, a provider/model of litellm such as "
        "openai/gpt-5-mini or ollama/llama3.2, or any name with --api-base URL would work"
    )
