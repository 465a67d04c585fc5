"""Chips a second of each backbone in OpenVINO: `python -m benchmarks.backbones [builtin resnet50 ...]`.

Backbones take turns, so that whatever else the machine does meets them alike; the best of several turns counts.
"""

import argparse
import time

import numpy as np

from benchmarks.networks import random_bundle
from landuse.models.runtime import OpenVinoRuntime

TURNS = 3
CHIPS = 64


def runtime_of(name: str) -> OpenVinoRuntime:
    """A runtime with random weights."""
    return OpenVinoRuntime(random_bundle(name))


def main(names: list[str]) -> None:
    """Print chips/s of each backbone, best of several turns, and its ratio to the last."""
    chips = np.random.default_rng(0).integers(0, 256, (CHIPS, 224, 224, 3), dtype=np.uint8)
    runtimes = {name: runtime_of(name) for name in names}
    best = dict.fromkeys(names, 0.0)
    for _ in range(TURNS + 1):  # the first turn warms up and can only be slower
        for name, runtime in runtimes.items():
            start = time.perf_counter()
            for _ in runtime.predict_stream(chips[i : i + 32] for i in range(0, CHIPS, 32)):
                pass
            best[name] = max(best[name], CHIPS / (time.perf_counter() - start))
    for name, runtime in runtimes.items():
        print(
            f"{name:10} {runtime.precision} {best[name]:7.1f} chips/s, {best[name] / best[names[-1]]:.1f} x {names[-1]}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["builtin", "alexnet", "resnet50"], help="backbones, by name")
    main(parser.parse_args().names)
