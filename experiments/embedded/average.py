"""The weighted mean of two trained models that went on from the same state: it can hold what either of them learnt.

    python experiments/embedded/average.py leg9.npz leg10.npz --share 0.85 --out weights.npz

Source: Wortsman et al. 2022 (arXiv 2203.05482), model soups.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np


def main() -> None:
    """Read two files, write their mean in half precision, as training does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="weight of the second, from 0 to 1")
    parser.add_argument("--out", type=Path, default=Path("weights.npz"))
    options = parser.parse_args()
    with np.load(options.first) as first, np.load(options.second) as second:
        means = {
            name: (1 - options.share) * first[name].astype(np.float32) + options.share * second[name].astype(np.float32)
            for name in first.files
        }
    np.savez(options.out, **{name: mean.astype(np.float16) for name, mean in means.items()})


if __name__ == "__main__":
    main()
