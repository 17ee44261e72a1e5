"""A sheet of models: what they charge and how large they are, on a date, where the user knows better than we do.

date = 2026-11-01                                  # when these were read

[models."openai/gpt-5-mini"]
price = {prompt = 0.25, completion = 2.0, cached = 0.025, batch = 0.5}    # USD per million tokens; a factor
shape = {parameters = 8_000_000_000, layers = 32, width = 4096}           # active = … for a mixture of experts
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec

from undercut.evaluators.models.base import Completion, Model, Request, price_of
from undercut.spaces.errors import UsageError
from undercut.spaces.pricing import Price, Shape

MILLION = 1e6
Charge = Annotated[float, msgspec.Meta(ge=0, lt=1e9)]
Whole = Annotated[int, msgspec.Meta(ge=1)]


class PriceTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens; `batch` is the factor on all of them for requests that may wait."""

    prompt: Charge
    completion: Charge
    cached: Charge | None = None
    batch: Charge | None = None

    def __post_init__(self) -> None:
        if self.cached is not None and self.cached > self.prompt:  # a limit reserves all of a prompt as not cached
            raise ValueError(f"cached = {self.cached:g} is more than prompt = {self.prompt:g}")


class ShapeTerms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A transformer's shape; `active` parameters are those that one token passes."""

    parameters: Whole
    layers: Whole
    width: Whole
    active: Whole | None = None

    def shape(self) -> Shape:
        """The shape whose FLOPs are counted."""
        return Shape(self.active or self.parameters, self.layers, self.width)


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of one model."""

    price: PriceTerms | None = None
    shape: ShapeTerms | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Models' terms by name, and the day they are of; None where no prices are among them."""

    date: str | None = None
    models: dict[str, Terms] = field(default_factory=dict)

    def with_shape(self, text: str, models: Sequence[str]) -> Sheet:
        """The same with a shape given as [MODEL=]PARAMETERS,LAYERS,WIDTH[,ACTIVE].

        Raises:
            UsageError: it is not such a text, or names no model of the run.
        """
        name, _, numbers = text.rpartition("=")
        wanted = [name] if name else list(models)
        if name and name not in models:
            raise UsageError(f"--shape must name a model of the run ({', '.join(models)}), and {name!r} is none")
        try:
            values = [whole if (whole := int(float(each))) == float(each) else 0 for each in numbers.split(",")]
            given = dict(zip(("parameters", "layers", "width", "active"), values, strict=False))
            shape = msgspec.convert(given if len(values) <= 4 else None, ShapeTerms)
        except (ValueError, OverflowError, msgspec.ValidationError) as error:
            raise UsageError(
                "--shape must be parameters, layers and width of the model, whole numbers above 0 with commas between, "
                f"as in 8e9,32,4096, not {text!r}"
            ) from error
        known = {each: msgspec.structs.replace(self.models.get(each, Terms()), shape=shape) for each in wanted}
        return replace(self, models={**self.models, **known})


def read_sheet(path: Path) -> Sheet:
    """Read a sheet from a TOML file.

    Raises:
        UsageError: it cannot be read, or is no sheet.
    """
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(
            f"--prices must be a file that can be read, and {str(path)!r} is not: {error.strerror}"
        ) from error
    except ValueError as error:
        raise UsageError(f"--prices must be a TOML file, and {str(path)!r} is not: {error}") from error
    date, models = data.get("date"), data.get("models")
    if not isinstance(date, datetime.date):
        raise UsageError(
            f"a price sheet must say of which day it is, as in date = 2026-11-01, and {str(path)!r} does not"
        )
    if not isinstance(models, Mapping) or not models:
        raise UsageError(f'a price sheet must have a table for each model, as in [models."openai/gpt-5-mini"], and '
                         f"{str(path)!r} has none")  # fmt: skip
    known: dict[str, Terms] = {}
    for name, terms in models.items():
        try:
            known[name] = msgspec.convert(terms, Terms)
        except msgspec.ValidationError as error:
            raise UsageError(
                "a price sheet must give prompt and completion for a price, cached tokens no dearer than the prompt's, "
                f"and parameters, layers and width of 1 or more for a shape, and {name!r} in {str(path)!r} does not: "
                f"{error}"
            ) from error
    return Sheet(date.isoformat()[:10], known)


class ModelOnTerms:
    """A model with another price or shape than it says of itself.

    Attributes:
        price: what using it is taken to cost, with the batch discount where that is wanted.
        billed: what its calls are charged at now: a search cannot wait for batches.
    """

    def __init__(self, model: Model, terms: Terms, batch: bool = False) -> None:
        self._model = model
        self._shape = terms.shape.shape() if terms.shape else model.shape
        self.billed = self.price = price_of(model)
        if terms.price is not None:
            asked = terms.price
            cached = None if asked.cached is None else asked.cached / MILLION
            self.billed = Price(asked.prompt / MILLION, asked.completion / MILLION, cached)
            self.price = self.billed.times(asked.batch) if batch and asked.batch is not None else self.billed
        for name in ("count", "identity", "end", "sample", "most_samples"):
            if hasattr(model, name):
                setattr(self, name, getattr(model, name))

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def shape(self) -> Shape | None:
        """The shape by the terms, or else the model's own."""
        return self._shape

    async def generate(self, request: Request) -> Completion:
        """The model's answer."""
        return await self._model.generate(request)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def on_terms(model: Model, sheet: Sheet, batch: bool = False) -> Model:
    """The model on the sheet's terms.

    Raises:
        UsageError: batch prices are wanted, and the sheet has none of this model.
    """
    terms = sheet.models.get(model.name)
    if batch and (terms is None or terms.price is None or terms.price.batch is None):
        raise UsageError(
            f"--batch needs batch prices in a sheet given with --prices, and there are none of {model.name!r}"
        )
    return model if terms is None else ModelOnTerms(model, terms, batch)
