"""How fast the age model is on this machine: `python -m engines.bench`, or everything at once: `--all --json FILE`.

Latency (p50, p95) and throughput per batch size and engine, copies between host and GPU included and, on TensorRT, excluded.
`--all` measures every engine that runs here, compares it with ONNX Runtime, and adds whole films: decoding, detection, ages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engines.bench_film import FilmSpeed, measure_film
from engines.cuda import open_cuda
from engines.gpu import find_gpu
from engines.models import MODELS_FOLDER, load_model, read_models_file
from engines.onnx_runtime import OnnxRuntime
from engines.runtime import TensorRuntime
from engines.tensorrt.cache import EngineCache
from engines.tensorrt.graph import EnginePrecision
from engines.tensorrt.loader import check_parity, open_runtime, order_for
from engines.tensorrt.parity import Parity
from engines.tensorrt.ready import check_ready
from engines.tensorrt.runtime import TensorRtRuntime
from pipeline.errors import AppError

GFLOP_PER_FACE = 2.84
"""InceptionResnetV1 at 160×160: 1.42 G multiply-adds."""

BATCHES = (1, 4, 8, 16, 32)
WARM_UP_RUNS = 3
LEAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class BatchSpeed:
    """One batch size.

    Attributes:
        gflop_per_s: arithmetic done, at 2.84 GFLOP a face.
        share_of_limit: that as a share of the engine's limit, None where that is unknown.
        resident_p50_ms: without the copies between host and GPU, None where there are none.
    """

    batch: int
    runs: int
    p50_ms: float
    p95_ms: float
    faces_per_s: float
    gflop_per_s: float
    share_of_limit: float | None
    resident_p50_ms: float | None = None


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """One engine. `limit_tflops`: dense FP16 of the GPU's tensor cores, None on CPUs and unknown GPUs."""

    engine: str
    precision: str
    model: str
    runtime: str
    device: str
    limit_tflops: float | None
    batches: tuple[BatchSpeed, ...]
    parity: Parity | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine that is to be measured."""

    name: str
    precision: str
    model: str
    runtime: TensorRuntime
    limit_tflops: float | None
    parity: Parity | None = None


def measure(opened: Opened, batches: Sequence[int], seconds: float) -> EngineSpeed:
    """Runs each batch size for that many seconds."""
    random = np.random.default_rng(0)
    speeds = []
    for batch in batches:
        crops = {"crops": random.integers(0, 256, (batch, 160, 160, 3), dtype=np.uint8)}
        times_ms = _times_ms(lambda crops=crops: opened.runtime.run(crops), seconds)  # type: ignore[misc]
        p50_ms = float(np.percentile(times_ms, 50))
        gflop_per_s = GFLOP_PER_FACE * batch / p50_ms * 1e3
        share = gflop_per_s / 1e3 / opened.limit_tflops if opened.limit_tflops else None
        resident = None
        if isinstance(opened.runtime, TensorRtRuntime):
            resident = float(np.percentile(opened.runtime.time_resident_ms(crops, len(times_ms)), 50))
        p95_ms = float(np.percentile(times_ms, 95))
        speeds.append(BatchSpeed(batch, len(times_ms), p50_ms, p95_ms, 1e3 * batch / p50_ms, gflop_per_s, share, resident))
    info = opened.runtime.info
    return EngineSpeed(
        opened.name, opened.precision, opened.model, info.runtime, info.device, opened.limit_tflops, tuple(speeds), opened.parity
    )


def _times_ms(work: Callable[[], object], seconds: float) -> list[float]:
    for _ in range(WARM_UP_RUNS):
        work()
    times_ms: list[float] = []
    ends = time.perf_counter() + seconds
    while len(times_ms) < LEAST_RUNS or time.perf_counter() < ends:
        started = time.perf_counter()
        work()
        times_ms.append((time.perf_counter() - started) * 1e3)
    return times_ms


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may run here. `precision` says what TensorRT is to build; the others take it from the file."""

    engine: str
    model: str
    precision: EnginePrecision = "fp16"

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}" if self.engine == "tensorrt" else f"{self.engine} {self.model}"


def candidates(engine: str, model: str, folder: Path) -> list[Candidate]:
    """What to measure: everything for "all", else one engine in all its forms.

    Args:
        model: entry of models.toml; empty takes every age model on the CPU and the default on GPUs.
    """
    facts = read_models_file(folder)
    on_cpu = [model] if model else sorted(name for name, entry in facts.models.items() if entry.kind == "age")
    on_gpu = model or facts.default_gpu
    every = [
        *(Candidate("cpu", name) for name in on_cpu),
        Candidate("cuda", on_gpu),
        Candidate("tensorrt", on_gpu, "fp16"),
        Candidate("tensorrt", on_gpu, "fp32"),
    ]
    return [candidate for candidate in every if engine in ("all", candidate.engine)]


@contextmanager
def open_candidate(candidate: Candidate, folder: Path, cache: EngineCache) -> Iterator[Opened]:
    """Opens an engine for measuring; TensorRT is compared with ONNX Runtime first.

    Raises:
        EngineError: it cannot run here.
        ModelFileError, SettingsError: its model cannot be used.
    """
    model = load_model(candidate.model, folder)
    if candidate.engine != "tensorrt":
        limit_tflops = None if candidate.engine == "cpu" else find_gpu().peak_fp16_tflops
        with closing(OnnxRuntime(model.data, model.name, candidate.engine)) as runtime:
            yield Opened(candidate.engine, model.entry.precision, model.name, runtime, limit_tflops)
        return
    ready = check_ready()
    order = order_for(ready, model, candidate.precision)
    with closing(open_cuda()) as cuda, closing(open_runtime(ready, order, cache, cuda)) as runtime_on_gpu:
        parity = check_parity(runtime_on_gpu, order, cache)
        yield Opened("tensorrt", candidate.precision, model.name, runtime_on_gpu, ready.gpu.peak_fp16_tflops, parity)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m engines.bench", description=__doc__, formatter_class=_RAW)
    parser.add_argument("--engine", choices=("cpu", "cuda", "tensorrt"), default="cpu", help="what to measure (cpu)")
    parser.add_argument("--all", action="store_true", help="every engine that runs here, the detector and films")
    parser.add_argument("--model", default="", help="entry of models.toml")
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER, metavar="FOLDER", help="folder with models.toml")
    parser.add_argument("--batches", type=_numbers, default=BATCHES, metavar="N,…", help="batch sizes (1,4,8,16,32)")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="per batch size (2)")
    parser.add_argument("--film", type=Path, metavar="FILE", help="film for --all, in place of a made one: 1080p, 8 faces")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there as well")
    arguments = parser.parse_args(argv)
    cache = EngineCache()
    speeds: list[EngineSpeed] = []
    films: list[FilmSpeed] = []
    missing: dict[str, str] = {}
    for candidate in candidates("all" if arguments.all else arguments.engine, arguments.model, arguments.models):
        try:
            with open_candidate(candidate, arguments.models, cache) as opened:
                speeds.append(measure(opened, arguments.batches, arguments.seconds))
        except AppError as error:
            missing[str(candidate)] = error.message
            print(f"\n{candidate}: not measured. {error.message}")
        else:
            _print(speeds[-1])
    for engine in ("cpu", "cuda", "tensorrt") if arguments.all else ():
        try:
            films.append(measure_film(engine, arguments.models, arguments.film))
        except AppError as error:
            missing[f"film on {engine}"] = error.message
        else:
            print(f"\n{films[-1]}")
    if arguments.json is not None:
        content = {
            "machine": _machine(),
            "engines": [asdict(speed) for speed in speeds],
            "films": [asdict(film) for film in films],
            "not_measured": missing,
        }
        arguments.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return 0 if speeds else 1


_RAW = argparse.RawDescriptionHelpFormatter


def _print(speed: EngineSpeed) -> None:
    limit = f", limit {speed.limit_tflops:.3g} TFLOP/s" if speed.limit_tflops else ""
    print(f"\n{speed.engine} {speed.precision}, {speed.model}: {speed.runtime} on {speed.device}{limit}")
    print(f"{'batch':>6}{'p50 ms':>9}{'p95 ms':>9}{'faces/s':>10}{'GFLOP/s':>10}{'of limit':>10}{'without copies ms':>19}")
    for row in speed.batches:
        share = f"{row.share_of_limit:.1%}" if row.share_of_limit is not None else "–"
        resident = f"{row.resident_p50_ms:.2f}" if row.resident_p50_ms is not None else "–"
        print(f"{row.batch:>6}{row.p50_ms:>9.2f}{row.p95_ms:>9.2f}{row.faces_per_s:>10.0f}{row.gflop_per_s:>10.0f}", end="")
        print(f"{share:>10}{resident:>19}")
    if speed.parity is not None:
        print(f"Against ONNX Runtime: {speed.parity}")


def _machine() -> dict[str, str | int | None]:
    try:
        gpu = str(find_gpu())
    except AppError as error:
        gpu = error.message
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "gpu": gpu,
        "python": platform.python_version(),
        "onnxruntime": ort.__version__,
    }


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of batch sizes such as 1,8,32")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
