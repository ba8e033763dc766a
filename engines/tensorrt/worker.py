"""Builds an age engine for the GPU of this machine and compares it with ONNX Runtime: the other end of `background`.

`python -m engines.tensorrt.worker --model NAME --models FOLDER --precision fp16 --cache FOLDER --cache-mb 2000`
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from engines.cuda import open_cuda
from engines.models import load_model
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.loader import check_parity, open_runtime, order_for
from engines.tensorrt.ready import check_ready
from pipeline.errors import AppError

LEAST_STEP = 0.01
"""Share of the build between two lines."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--precision", choices=("fp16", "fp32"), required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--cache-mb", type=int, required=True)
    arguments = parser.parse_args(argv)
    told = -1.0

    def progress(share: float) -> None:
        nonlocal told
        if share - told >= LEAST_STEP:
            told = share
            _tell({"share": round(share, 3)})

    try:
        ready = check_ready()
        order = order_for(ready, load_model(arguments.model, arguments.models), arguments.precision)
        cache = EngineCache(arguments.cache, arguments.cache_mb * 1_000_000)
        with closing(open_cuda()) as cuda, closing(open_runtime(ready, order, cache, cuda, progress=progress)) as runtime:
            check_parity(runtime, order, cache)
    except AppError as error:
        _tell({"message": error.message, "hint": error.hint})
        return 1
    _tell({"built": True})
    return 0


def _tell(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
