"""`main.py engine …`: what runs here and why; building, listing and checking TensorRT engines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import onnxruntime as ort
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from engines.choose import open_age_engine
from engines.cuda import find_package, open_cuda
from engines.gpu import Gpu, find_gpu
from engines.models import Model, load_age_model, load_model, read_models_file
from engines.onnx_runtime import OnnxRuntime
from engines.tensorrt.build import Engine
from engines.tensorrt.cache import SIDE_FILES, CachedEngine, EngineCache, write_engine
from engines.tensorrt.flavour import INSTALL_HINT, find_flavour, find_flavours, parse_targets
from engines.tensorrt.graph import EnginePrecision, prepared
from engines.tensorrt.loader import EngineOrder, build_order, check_parity, open_runtime, order_for, portraits
from engines.tensorrt.manifest import Manifest
from engines.tensorrt.parity import compare, fixed_crops
from engines.tensorrt.progress import Progress as Share
from engines.tensorrt.ready import check_ready, why_not
from pipeline.console import print_table
from pipeline.errors import EngineError
from pipeline.settings import AgeSettings

SHOW_PROGRESS_HZ = 5


def info(settings: AgeSettings, folder: Path) -> None:
    """Prints what would run and why, what is installed, what would help to use a GPU, and the models."""
    print_table(("Part", "Found"), [*_gpu_rows(), *_package_rows()])
    if (error := why_not()) is not None:
        print(f"TensorRT cannot run here: {error.message}\n{error.hint}\n")
    with closing(open_age_engine(settings, folder, serve_while_building=True)) as engine:
        print(f"Engine: {engine.info.label}, model {engine.info.model}: {engine.info.reason}.")
        print(f"Runs on: {engine.runtime.info.runtime}, {engine.runtime.info.device}")
    print_table(
        ("Model", "Kind", "Precision", "Size", "Licence"),
        [
            (name, entry.kind, entry.precision, f"{(folder / entry.file).stat().st_size / 1e6:.1f} MB", entry.licence)
            for name, entry in read_models_file(folder).models.items()
            if (folder / entry.file).exists()
        ],
    )


def build(folder: Path, model: str, precision: EnginePrecision, targets: str | None, out: Path | None) -> None:
    """Builds an engine for this machine's GPU, or for the given compute capabilities; into the cache, or a file.

    Raises:
        EngineError: no TensorRT, or it cannot build this.
        OutputError: the file or the cache cannot be written.
        SettingsError: no such model or compute capability.
    """
    cache = EngineCache()
    order = _order(_model(folder, model), precision, targets)
    with _bar(f"Building {order.model.name} in {precision} with {order.flavour.title}") as share:
        engine = build_order(order, cache, share)
    if out is None:
        path = cache.store(engine)
    else:
        path = out
        write_engine(path, engine)
    _print_engine(path, engine)


def list_engines(cache: EngineCache | None = None) -> None:
    """Prints the engines in the cache."""
    cache = cache or EngineCache()
    entries = cache.entries()
    if not entries:
        print(f"There is no TensorRT engine in {cache.folder}.")
        return
    columns = ("Model", "Precision", "For", "TensorRT", "Size", "Compared", "Last used", "File")
    print_table(columns, [_row(entry) for entry in entries])
    print(f"Folder: {cache.folder}")


def check(folder: Path, model: str, precision: EnginePrecision) -> None:
    """Compares TensorRT with ONNX Runtime and prints the differences; where it cannot run, the rounding of its graph at least.

    Raises:
        EngineError: TensorRT cannot run here, or the differences are over the limits.
    """
    chosen = load_age_model(model, folder, gpu=True)
    crops = fixed_crops(portraits())
    graph = OnnxRuntime(prepared(chosen.data, precision, chosen.name), chosen.name)
    rounding = compare(OnnxRuntime(chosen.data, chosen.name), graph, precision, crops)
    print(f"The graph that TensorRT gets, run by ONNX Runtime: {rounding}")
    ready = check_ready()
    order, cache = order_for(ready, chosen, precision), EngineCache()
    with (
        _bar(f"Building {chosen.name} in {precision}") as share,
        closing(open_cuda()) as cuda,
        closing(open_runtime(ready, order, cache, cuda, progress=share)) as runtime,
    ):
        print(f"{runtime.info.runtime} on {runtime.info.device}: {check_parity(runtime, order, cache)}")


def _model(folder: Path, name: str) -> Model:
    return load_model(name, folder) if name else load_age_model("", folder, gpu=True)


def _order(model: Model, precision: EnginePrecision, targets: str | None) -> EngineOrder:
    """For the GPU of this machine, or for others."""
    if targets is not None:
        flavour = find_flavour(portable=True)
        return EngineOrder(flavour, model, precision, parse_targets(targets, flavour))
    try:
        gpu = find_gpu()
    except EngineError as error:
        raise EngineError(error.message, "To build for a GPU elsewhere, name it: engine build --for sm86,sm89,sm120.") from None
    return EngineOrder(find_flavour(gpu=gpu), model, precision, (gpu.capability,), gpu.name)


def _gpu_rows() -> list[tuple[str, str]]:
    try:
        gpu: Gpu | None = find_gpu()
    except EngineError as error:
        return [("NVIDIA GPU", f"none: {error.message}")]
    return [("NVIDIA GPU", str(gpu))]


def _package_rows() -> list[tuple[str, str]]:
    found, missing = find_flavours()
    rows = [("TensorRT", f"{flavour.title} ({_builds_for(flavour.targets)})") for flavour in found]
    rows += [("TensorRT", reason) for reason in missing]
    if not found:
        rows.append(("", INSTALL_HINT))
    try:
        rows.append(("Device memory", find_package()))
    except EngineError as error:
        rows.append(("Device memory", error.message))
    providers = ", ".join(name.removesuffix("ExecutionProvider") for name in ort.get_available_providers())
    return [*rows, ("ONNX Runtime", f"{ort.__version__}: {providers}")]


def _builds_for(targets: tuple[int, ...]) -> str:
    return f"builds for {', '.join(f'sm{sm}' for sm in targets)}" if targets else "builds for the GPU of this machine"


def _print_engine(path: Path, engine: Engine) -> None:
    manifest = engine.manifest
    print(f"{path}: {manifest.engine_bytes / 1e6:.1f} MB, built in {manifest.built_s:.1f} s with {_made_with(manifest)}")
    print(f"Runs on {manifest.key.gpu or 'GPUs of'} {', '.join(f'sm{sm}' for sm in manifest.key.targets)}")
    for tensor in manifest.tensors:
        print(f"  {tensor}")


def _row(entry: CachedEngine) -> tuple[str, ...]:
    used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used_at))
    size, manifest = f"{entry.size_bytes / 1e6:.1f} MB", entry.manifest
    if manifest is None:
        return ("damaged", "", "", "", size, "", used, entry.path.name)
    targets = ", ".join(f"sm{sm}" for sm in manifest.key.targets)
    compared = "yes" if entry.path.with_suffix(SIDE_FILES[1]).exists() else "no"
    return (manifest.key.model, manifest.key.precision, targets, _made_with(manifest), size, compared, used, entry.path.name)


def _made_with(manifest: Manifest) -> str:
    return f"{manifest.key.flavour} {manifest.key.version}"


@contextmanager
def _bar(text: str) -> Iterator[Share]:
    """A bar on stderr while something is built; nothing is shown until the first share is told."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=SHOW_PROGRESS_HZ, transient=True) as progress:
        task = progress.add_task(text, total=1.0, visible=False)
        yield lambda share: progress.update(task, completed=share, visible=True)
