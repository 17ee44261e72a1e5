"""Train the embedded model from scratch: two one-thread workers that average their weights.

    python experiments/embedded/train.py --minutes 40 --workers 2 --out weights.npz

Needs torch (any CPU build); nothing else in undercut does. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import torch
import torch.multiprocessing as mp
from data import Example, example
from torch import Tensor, nn
from torch.nn import functional

from undercut.evaluators.models.embedded.tokenizer import OUTPUTS, VOCABULARY

WIDTH, LAYERS, HEADS, HIDDEN = 128, 4, 4, 512
HEAD_WIDTH = WIDTH // HEADS
ROPE_BASE = 10_000.0

LENGTHS = (12, 15, 18, 21, 24, 28, 32, 36, 40, 46, 54, 64, 80, 104)
"""Padded lengths of the batches."""
SMOOTHING = 0.03
WARM_UP = 80
MUON_RATE, MUON_DECAY, MUON_MOMENTUM = 4e-3, 0.05, 0.95
ADAM_RATE = 4e-3


def norm(x: Tensor) -> Tensor:
    """RMS norm without a gain."""
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)


class Block(nn.Module):
    """Attention with normed queries and keys, then a squared-ReLU MLP; no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Parameter(torch.randn(3, WIDTH, WIDTH) * WIDTH**-0.5)
        self.out = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        self.up = nn.Parameter(torch.randn(WIDTH, HIDDEN) * WIDTH**-0.5)
        self.down = nn.Parameter(torch.zeros(HIDDEN, WIDTH))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """Map (batch, length, width) to the same shape."""
        rows, length, _ = x.shape
        h = norm(x)
        q, k, v = ((h @ weight).view(rows, length, HEADS, HEAD_WIDTH).transpose(1, 2) for weight in self.qkv.unbind(0))
        q, k = rotate(norm(q), cos, sin), rotate(norm(k), cos, sin)
        scores = (q @ k.transpose(-1, -2)) * (2 * HEAD_WIDTH**-0.5) + mask
        attended = (scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, WIDTH)
        x = x + attended @ self.out
        return x + (norm(x) @ self.up).relu().square() @ self.down


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding: the first half of a head's width pairs with the second."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)


class Decoder(nn.Module):
    """The transformer; its output layer covers only the tokens that can stand in an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(len(VOCABULARY), WIDTH))
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.head = nn.Parameter(torch.zeros(WIDTH, OUTPUTS))

    def forward(self, tokens: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Weighted mean loss of (batch, length) tokens; positions of weight 0 are not in the answer."""
        length = tokens.shape[1]
        angles = torch.arange(length)[:, None] * ROPE_BASE ** (-torch.arange(HEAD_WIDTH // 2) / (HEAD_WIDTH // 2))
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = norm(self.embedding[tokens])
        for block in self.blocks:
            x = block(x, angles.cos(), angles.sin(), mask)
        logits = norm(x) @ self.head
        losses = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
        return (losses * weights.flatten()).sum() / weights.sum()


def batches(rng: random.Random, size: int, easy: Callable[[], float]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless batches of examples of similar length: tokens, targets, and the weights of the targets.

    Args:
        rng: decides every example.
        size: tokens of a batch, padding included.
        easy: the share of small examples wanted now, asked before each example.
    """
    waiting: dict[int, list[Example]] = {length: [] for length in LENGTHS}
    while True:
        new = example(rng, easy())
        needed = len(new.tokens)
        if needed > LENGTHS[-1]:
            continue
        length = next(length for length in LENGTHS if length >= needed)
        waiting[length].append(new)
        rows = size // length
        if len(waiting[length]) == rows:
            tokens, targets = np.zeros((rows, length), np.int64), np.zeros((rows, length), np.int64)
            weights = np.zeros((rows, length), np.float32)
            for row, ready in enumerate(waiting[length]):
                end = len(ready.tokens)
                tokens[row, :end], targets[row, :end], weights[row, :end] = ready.tokens, ready.targets, ready.weights
            waiting[length] = []
            yield torch.from_numpy(tokens), torch.from_numpy(targets), torch.from_numpy(weights)


def orthogonalised(update: Tensor) -> Tensor:
    """Nearest semi-orthogonal matrices of a stack of matrices, by five Newton-Schulz steps (Jordan 2024, Muon)."""
    x = update / (update.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x


class Optimizer:
    """Muon on the matrices of the blocks, AdamW on the embedding and the output layer."""

    def __init__(self, model: Decoder) -> None:
        self.matrices = [parameter for name, parameter in model.named_parameters() if name.startswith("blocks")]
        self.momenta = [torch.zeros_like(parameter) for parameter in self.matrices]
        self.adam = torch.optim.AdamW(
            [model.embedding, model.head], lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.01, fused=True
        )

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """Update all parameters at `scale` times the full learning rates, and clear their gradients."""
        for group in self.adam.param_groups:
            group["lr"] = ADAM_RATE * scale
        self.adam.step()
        self.adam.zero_grad()
        for parameter, momentum in zip(self.matrices, self.momenta, strict=True):
            assert parameter.grad is not None
            momentum.lerp_(parameter.grad, 1 - MUON_MOMENTUM)
            update = orthogonalised(parameter.grad.lerp(momentum, MUON_MOMENTUM))
            rate = MUON_RATE * scale
            parameter.mul_(1 - rate * MUON_DECAY)
            parameter.add_(update, alpha=-rate * 0.2 * max(parameter.shape[-2:]) ** 0.5)
            parameter.grad = None

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on."""
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.momenta = [momentum.clone() for momentum in state["momenta"]]
        self.adam.load_state_dict(state["adam"])


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the weights as the inference code reads them: one half-precision array per matrix, with fixed bytes."""
    arrays = {"embedding": model.embedding, "head": model.head}
    for index, block in enumerate(model.blocks):
        arrays |= {f"{index}.{name}": parameter for name, parameter in block.named_parameters()}
    half = {name: array.detach().numpy().astype(np.float16) for name, array in arrays.items()}
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **half)
    temporary.replace(path)


def average(parameters: list[Tensor], rank: int, shared: Tensor, barrier: Any) -> Tensor:
    """Replace every worker's parameters by their mean over the workers; gives the mean as one flat tensor."""
    shared[rank] = torch.cat([parameter.detach().flatten() for parameter in parameters])
    barrier.wait()
    mean = shared.mean(0)
    barrier.wait()
    with torch.no_grad():
        for parameter, piece in zip(parameters, mean.split([p.numel() for p in parameters]), strict=True):
            parameter.copy_(piece.view_as(parameter))
    return mean


def rate(progress: float, decay: float) -> float:
    """Learning rate as a share of the full one: constant, then falling linearly over the last share `decay`."""
    return min(1.0, max(0.0, (1 - progress) / decay)) if decay > 0 else 1.0


def work(rank: int, options: argparse.Namespace, shared: Tensor, clock: Tensor, barrier: Any) -> None:
    """Train in one worker."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model, smooth = Decoder(), Decoder()
    optimizer = Optimizer(model)
    first_step = 0
    if options.resume:
        saved = torch.load(options.resume)
        model.load_state_dict(saved["model"])
        optimizer.load(saved["optimizer"])
        smooth.load_state_dict(saved["model"])
        first_step = saved["step"]
    parameters = list(model.parameters())
    progress = 0.0
    source = batches(  # small examples first, so that copying and adding are found early
        random.Random(f"{options.seed} {rank} {first_step}"),
        options.batch,
        lambda: options.easy * max(0.0, 1 - 2 * progress),
    )
    loss_of = torch.compile(model, dynamic=True) if options.compile else model
    began = saved_at = reported_at = time.monotonic()
    step, loss_sum, losses = first_step, 0.0, 0
    while progress < 1:
        scale = rate(progress, options.decay) * min(1.0, (step + 1) / WARM_UP)
        loss = loss_of(*next(source))
        loss.backward()
        optimizer.step(scale)
        loss_sum, losses, step = loss_sum + loss.item(), losses + 1, step + 1
        if (step - first_step) % options.average_every:
            continue
        now = time.monotonic()
        if rank == 0:  # one worker's clock decides for all, so that they stop together
            done = (step - first_step) / options.steps if options.steps else (now - began) / (60 * options.minutes)
            clock[0] = min(done, 1.0)
        mean = average(parameters, rank, shared, barrier)
        progress = float(clock[0])
        if rank == 0:
            with torch.no_grad():
                for kept, piece in zip(smooth.parameters(), mean.split([p.numel() for p in parameters]), strict=True):
                    kept.lerp_(piece.view_as(kept), SMOOTHING if step - first_step > 400 or options.resume else 1.0)
        if rank == 0 and now - reported_at > 15:
            tokens = losses * options.batch * options.workers / (now - reported_at)
            print(
                f"{(now - began) / 60:6.1f} min  step {step:6d}  loss {loss_sum / losses:.4f}  rate {scale:.3f}  "
                f"{tokens:,.0f} tokens/s", flush=True,
            )  # fmt: skip
            reported_at, loss_sum, losses = now, 0.0, 0
        if rank == 0 and (now - saved_at > 120 or progress >= 1):
            save_weights(model, options.out)
            save_weights(smooth, options.out.with_suffix(".smooth.npz"))  # a look at the decayed quality to come
            if scale == 1.0:  # the last state before the decay is what a longer run goes on from
                state = {"model": model.state_dict(), "optimizer": optimizer.state(), "step": step}
                torch.save(state, options.out.with_suffix(".constant.pt"))
            saved_at = now


def main() -> None:
    """Read the options and start the workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=40.0, help="wall-clock time to train for")
    parser.add_argument("--steps", type=int, default=0, help="train for so many steps a worker instead of --minutes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--decay", type=float, default=0.45, help="share of the run over which the rate falls to 0")
    parser.add_argument("--batch", type=int, default=1536, help="tokens a batch and worker, padding included")
    parser.add_argument("--average-every", type=int, default=12, help="steps between two averagings")
    parser.add_argument("--easy", type=float, default=0.5, help="share of small examples at first; 0 at half time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, help="a .constant.pt file to go on from")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="where there is no C++ compiler")
    parser.add_argument("--out", type=Path, default=Path("weights.npz"))
    options = parser.parse_args()
    count = sum(parameter.numel() for parameter in Decoder().parameters())
    print(f"{count:,} parameters, {options.workers} workers, seed {options.seed}", flush=True)
    shared = torch.zeros(options.workers, count).share_memory_()
    clock = torch.zeros(1).share_memory_()
    barrier = mp.get_context("spawn").Barrier(options.workers)
    mp.spawn(work, (options, shared, clock, barrier), nprocs=options.workers)


if __name__ == "__main__":
    main()
