"""The embedded model's forward pass in numpy: prefill, then decoding with a key-value cache.

A decoder-only transformer: RMS norm without gain before attention, MLP and output; rotary positions; normed queries
and keys; squared-ReLU MLP; no biases. A batch is ragged and padded on the left, so that all rows write their next
token into the same column of the cache.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undercut.evaluators.blas import one_thread
from undercut.evaluators.models.embedded.tokenizer import BOS, END

Floats: TypeAlias = NDArray[np.floating[Any]]
Ints: TypeAlias = NDArray[np.int64]

CONTEXT = 1024
"""The most tokens of a prompt and its answer together."""
HEADS = 4
_ROPE_BASE = 10_000.0
_TIE = 1e-4
"""Logits differ in their last bits between batch shapes; two that are this close count as equal."""
_SCORES_AT_ONCE = 1 << 22
"""The most query-key pairs of one prefill: more would not fit into the cache, and long prompts into memory."""
_ROOM = 64
"""Columns by which the cache grows."""
_HIDDEN_KEY = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Job:
    """One row to decode: the prompt's tokens, the most new tokens, the temperature (0 is greedy) and the seed."""

    prompt: Sequence[int]
    max_new: int
    temperature: float = 0.0
    seed: int = 0


def _norm(x: Floats) -> Floats:
    """RMS norm over the last axis."""
    squares = np.einsum("...i,...i->...", x, x)[..., None]
    squares *= np.float32(1 / x.shape[-1])
    squares += np.float32(1e-6)
    np.sqrt(squares, out=squares)
    normed: Floats = x / squares
    return normed


def _turned(x: Floats, turns: NDArray[np.complexfloating[Any]]) -> Floats:
    """Rotary positions: each pair of neighbours is a complex number, and turning it is a product."""
    turned: Floats = (x.view(np.complex64) * turns).view(np.float32)
    return turned


def _softmax(scores: Floats) -> Floats:
    """Softmax over the last axis, in place."""
    scores -= scores.max(-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(-1, keepdims=True)
    return scores


@dataclass(frozen=True, slots=True)
class _Layer:
    """One block's matrices: qkv (width, 3 width), out (width, width), up (width, hidden), down (hidden, width).

    In queries and keys the two columns that a rotary position turns together stand side by side.
    """

    qkv: Floats
    out: Floats
    up: Floats
    down: Floats


class Network:
    """The trained weights and what can be computed with them.

    Attributes:
        parameters: number of weights.
        layers: number of blocks.
        width: width of the residual stream.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            weights: dict[str, Floats] = {name: arrays[name].astype(np.float32) for name in arrays.files}
        self.parameters = sum(array.size for array in weights.values())
        self.width = weights["head"].shape[0]
        self.layers = sum(name.endswith(".qkv") for name in weights)
        self._embedding = _norm(weights["embedding"])  # the norm after the embedding, once for all tokens
        self._head = weights["head"]
        self._head_width = self.width // HEADS
        half = self._head_width // 2
        in_pairs = np.arange(self.width).reshape(HEADS, 2, half).transpose(0, 2, 1).ravel()
        self._blocks = [
            _Layer(
                np.concatenate([*weights[f"{layer}.qkv"][:2, :, in_pairs], weights[f"{layer}.qkv"][2]], axis=1),
                *(weights[f"{layer}.{name}"] for name in ("out", "up", "down")),
            )
            for layer in range(self.layers)
        ]
        angles = np.arange(CONTEXT)[:, None] * _ROPE_BASE ** (-np.arange(half) / half)
        self._turns = np.exp(1j * angles).astype(np.complex64)

    def generate(self, jobs: Sequence[Job]) -> list[list[int]]:
        """Decode every job; the answer to one does not depend on the others.

        Returns:
            The new tokens of each job, with the end token where the answer ended by itself.
        """
        answers: list[list[int]] = [[] for _ in jobs]
        order = sorted((index for index, job in enumerate(jobs) if job.max_new > 0), key=lambda i: len(jobs[i].prompt))
        while order:
            rows = max(1, _SCORES_AT_ONCE // len(jobs[order[-1]].prompt) ** 2)
            group, order = order[-rows:], order[:-rows]
            with one_thread():
                decoded = self._generate([jobs[index] for index in group])
            for index, answer in zip(group, decoded, strict=True):
                answers[index] = answer
        return answers

    def _generate(self, jobs: Sequence[Job]) -> list[list[int]]:
        """Decode one padded batch."""
        answers: list[list[int]] = [[] for _ in jobs]
        chance = [random.Random(job.seed) if job.temperature > 0 else None for job in jobs]
        logits, state = self._prefill([job.prompt for job in jobs])
        while True:
            tokens = self._choose(logits, [jobs[row] for row in state.rows], [chance[row] for row in state.rows])
            for row, alive, token in zip(state.rows, state.alive, tokens.tolist(), strict=True):
                if alive:
                    answers[row].append(token)
            going = [
                bool(alive) and answers[row][-1] != END and len(answers[row]) < jobs[row].max_new
                for row, alive in zip(state.rows, state.alive, strict=True)
            ]
            if not any(going):
                return answers
            state.alive = going
            if going.count(False) * 4 >= len(going):  # below a quarter, copying the cache costs more than it saves
                tokens = tokens[np.array(going)]
                state.keep(going)
            logits = self._decode(tokens, state)

    def _choose(self, logits: Floats, jobs: Sequence[Job], chance: Sequence[random.Random | None]) -> Ints:
        """The next token of each row of (rows, outputs) logits."""
        best = logits.max(-1, keepdims=True)
        tokens: Ints = (logits >= best - _TIE).argmax(-1)
        for row, (job, draw) in enumerate(zip(jobs, chance, strict=True)):
            if draw is not None:
                weights = np.exp((logits[row].astype(np.float64) - float(best[row, 0])) / job.temperature).cumsum()
                tokens[row] = min(int(np.searchsorted(weights, draw.random() * weights[-1], "right")), len(weights) - 1)
        return tokens

    def _mlp(self, x: Floats, layer: _Layer) -> Floats:
        hidden = _norm(x) @ layer.up
        np.maximum(hidden, 0, out=hidden)
        np.multiply(hidden, hidden, out=hidden)
        return x + hidden @ layer.down

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> tuple[Floats, _State]:
        """Read the prompts; gives the logits of the first new token and the cache that decoding goes on from."""
        rows, length = len(prompts), max(map(len, prompts))
        pads = np.array([length - len(prompt) for prompt in prompts])
        tokens = np.full((rows, length), BOS)
        for row, prompt in enumerate(prompts):
            tokens[row, pads[row] :] = prompt
        state = _State(self.layers, pads, length, self._head_width)
        positions = np.maximum(np.arange(length) - pads[:, None], 0)
        turns = self._turns[positions][:, :, None, None]
        mask: Floats = np.triu(np.full((length, length), _HIDDEN_KEY), 1)[None, None]
        if state.mask is not None:
            mask = mask + state.mask[:, None, None, :length]
        x = self._embedding[tokens]
        for index, layer in enumerate(self._blocks):
            qkv = (_norm(x) @ layer.qkv).reshape(rows, length, 3, HEADS, self._head_width)
            qk = _turned(_norm(qkv[:, :, :2]), turns)
            q, k, v = (part.transpose(0, 2, 1, 3) for part in (qk[:, :, 0], qk[:, :, 1], qkv[:, :, 2]))
            state.keys[index][:, :, :length], state.values[index][:, :, :length] = k, v
            if index == self.layers - 1:  # only the last position is read from the last layer
                q, x, mask = q[:, :, -1:], x[:, -1:], mask[:, :, -1:]
            scores = _softmax((q * np.float32(2 * self._head_width**-0.5)) @ k.transpose(0, 1, 3, 2) + mask)
            x = x + (scores @ v).transpose(0, 2, 1, 3).reshape(x.shape) @ layer.out
            x = self._mlp(x, layer)
        return _norm(x[:, 0]) @ self._head, state

    def _decode(self, tokens: Ints, state: _State) -> Floats:
        """Append one token to each row; gives (rows, outputs) logits of the next."""
        rows, end = len(tokens), state.used + 1
        state.grow(end)
        positions = np.minimum(state.used - state.pads, CONTEXT - 1)  # a row that is done may run past the end
        turns = self._turns[positions][:, None, None]
        mask = None if state.mask is None else state.mask[:, None, None, :end]
        scale = np.float32(2 * self._head_width**-0.5)
        x = self._embedding[tokens]
        for layer, keys, values in zip(self._blocks, state.keys, state.values, strict=True):
            qkv = (_norm(x) @ layer.qkv).reshape(rows, 3, HEADS, self._head_width)
            qk = _turned(_norm(qkv[:, :2]), turns)
            keys[:, :, state.used], values[:, :, state.used] = qk[:, 1], qkv[:, 2]
            scores = (keys[:, :, :end] @ (qk[:, 0] * scale)[..., None])[..., 0][:, :, None]
            if mask is not None:
                scores += mask
            attended = (_softmax(scores) @ values[:, :, :end]).reshape(rows, self.width)
            x = x + attended @ layer.out
            x = self._mlp(x, layer)
        state.used = end
        return _norm(x) @ self._head


class _State:
    """The key-value cache of a batch.

    Attributes:
        rows: the place of each row in the batch that was prefilled.
        alive: which rows still want tokens.
        pads: columns of padding before each row.
        used: columns filled.
        keys, values: by layer, (rows, heads, columns, head width).
        mask: (rows, columns) to add to the scores, or None where no row is padded.
    """

    def __init__(self, layers: int, pads: Ints, length: int, head_width: int) -> None:
        self.rows = list(range(len(pads)))
        self.alive = [True] * len(pads)
        self.pads = pads
        self.used = length
        shape = (len(pads), HEADS, length + _ROOM, head_width)
        self.keys: list[Floats] = [np.zeros(shape, np.float32) for _ in range(layers)]
        self.values: list[Floats] = [np.zeros(shape, np.float32) for _ in range(layers)]
        self.mask = self._masked()

    def _masked(self) -> Floats | None:
        if not self.pads.any():
            return None
        columns = self.keys[0].shape[2]
        return np.where(np.arange(columns) < self.pads[:, None], _HIDDEN_KEY, np.float32(0))

    def grow(self, columns: int) -> None:
        """Make room for so many columns."""
        if columns > self.keys[0].shape[2]:
            room = ((0, 0), (0, 0), (0, max(_ROOM, self.used // 2)), (0, 0))
            self.keys = [np.pad(array, room) for array in self.keys]
            self.values = [np.pad(array, room) for array in self.values]
            self.mask = self._masked()

    def keep(self, wanted: Sequence[bool]) -> None:
        """Drop all rows but the wanted ones, and the columns that are padding in all of them."""
        chosen: NDArray[Any] = np.array(wanted)
        self.rows = [row for row, keep in zip(self.rows, wanted, strict=True) if keep]
        self.alive = [True] * len(self.rows)
        self.pads = self.pads[chosen]
        shared = int(self.pads.min())
        self.pads, self.used = self.pads - shared, self.used - shared
        self.keys = [array[chosen, :, shared:] for array in self.keys]
        self.values = [array[chosen, :, shared:] for array in self.values]
        self.mask = self._masked()
