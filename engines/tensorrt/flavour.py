"""The two packages that are TensorRT: `tensorrt`, and `tensorrt_rtx` (TensorRT for RTX). One code path runs over both."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module, metadata
from types import ModuleType
from typing import Any, Literal

from engines.gpu import CPU_HINT, Gpu
from pipeline.errors import EngineError, SettingsError

FlavourName = Literal["tensorrt", "tensorrt_rtx"]
TITLES: dict[FlavourName, str] = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT for RTX"}
INSTALL_HINT = "Install it: uv sync --extra rtx (wheels only), or --extra gpu (TensorRT and PyCUDA, needs the CUDA toolkit)."
OLDEST_SM = 75
"""TensorRT 10.9 and later, and TensorRT for RTX, begin with Turing."""


@dataclass(frozen=True, slots=True)
class Flavour:
    """One installed TensorRT.

    Attributes:
        module: the imported package; its API is the same in both for all that is used here.
        targets: compute capabilities that it can build for without their GPU, e.g. (75, 80, …); empty for full TensorRT, which
            builds by measuring on the GPU itself.
        cuda_major: major version of CUDA that it was made for, 0 where it does not tell.
    """

    name: FlavourName
    version: str
    module: ModuleType
    targets: tuple[int, ...] = ()
    cuda_major: int = 0

    @property
    def title(self) -> str:
        return f"{TITLES[self.name]} {self.version}"

    @property
    def portable(self) -> bool:
        """Whether engines can be built without the GPU that they are for."""
        return bool(self.targets)

    def check(self, gpu: Gpu) -> None:
        """Whether this TensorRT can run on that GPU.

        Raises:
            EngineError: it cannot; the sentence says why.
        """
        if gpu.capability < OLDEST_SM:
            raise EngineError(
                f"{gpu.name} is too old for {self.title}: it has compute capability {_dotted(gpu.capability)}, needed is "
                f"{_dotted(OLDEST_SM)} or newer.",
                CPU_HINT,
            )
        if self.targets and gpu.capability not in self.targets:
            raise EngineError(
                f"{self.title} does not know {gpu.name} ({gpu.sm}); it knows {', '.join(f'sm{sm}' for sm in self.targets)}.",
                f"Install full TensorRT: uv sync --extra gpu. {CPU_HINT}",
            )
        if self.cuda_major > gpu.cuda[0]:
            raise EngineError(
                f"The NVIDIA driver is too old for {self.title}: it supports CUDA {gpu.cuda[0]}.{gpu.cuda[1]}, needed is "
                f"{self.cuda_major}.0 or newer.",
                f"Update the NVIDIA driver. {CPU_HINT}",
            )


def find_flavours(load: Callable[[str], ModuleType] = import_module) -> tuple[list[Flavour], list[str]]:
    """The TensorRT packages that can be imported, the preferred first, and why the others cannot."""
    found: list[Flavour] = []
    missing: list[str] = []
    names: tuple[FlavourName, ...] = ("tensorrt", "tensorrt_rtx")
    for name in names:
        try:
            module = load(name)
        except ModuleNotFoundError:
            missing.append(f"{name} is not installed")
        except (ImportError, OSError) as error:  # OSError: the wheel is there, its libraries do not load
            reason = str(error).splitlines()[0] if str(error) else repr(error)
            missing.append(f"{name} is installed but does not load: {reason}")
        else:
            found.append(Flavour(name, str(module.__version__), module, _targets(module), _cuda_major(name)))
    return found, missing


def find_flavour(load: Callable[[str], ModuleType] = import_module, gpu: Gpu | None = None, portable: bool = False) -> Flavour:
    """The TensorRT to use: `tensorrt` before `tensorrt_rtx`, but one that runs on the GPU before one that does not.

    Args:
        load: imports a package; tests pass their own.
        gpu: that it should run on, None for no wish.
        portable: it must be able to build for GPUs that are not in this machine.

    Raises:
        EngineError: none is installed, or none fits.
    """
    found, missing = find_flavours(load)
    fitting = [flavour for flavour in found if flavour.portable or not portable]
    if not fitting:
        what = "TensorRT for RTX is needed to build for other GPUs" if found else "There is no TensorRT to use"
        raise EngineError(f"{what}: {' and '.join(missing)}.", INSTALL_HINT)
    if gpu is None:
        return fitting[0]
    reasons: list[EngineError] = []
    for flavour in fitting:
        try:
            flavour.check(gpu)
        except EngineError as error:
            reasons.append(error)
        else:
            return flavour
    raise reasons[0]


def parse_targets(text: str, flavour: Flavour) -> tuple[int, ...]:
    """ "sm86,sm89" → (86, 89), in order and each once.

    Raises:
        SettingsError: not a compute capability that this TensorRT builds for.
    """
    if not flavour.targets:
        raise SettingsError(
            f"{flavour.title} builds for the GPU of this machine only.",
            "Leave --for out, or install TensorRT for RTX: uv sync --extra rtx.",
        )
    chosen: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?:sm_?)?(\d+)\s*", part, re.IGNORECASE)
        if match is None or int(match[1]) not in flavour.targets:
            known = ", ".join(f"sm{sm}" for sm in flavour.targets)
            raise SettingsError(f"{flavour.title} cannot build for {part.strip()!r}.", f"Choose from: {known}.")
        chosen.add(int(match[1]))
    return tuple(sorted(chosen))


class LogBase:
    """What TensorRT said: its errors come through a logger, its calls return only None or False."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    @property
    def first_error(self) -> str:
        """The first line of the first error, without TensorRT's source positions."""
        if not self.errors:
            return "TensorRT gave no reason"
        line = self.errors[0].strip().splitlines()[0]
        return re.sub(r"\s*\(?In \w+ at [^)\s]*\)?|\[\w+\.cpp::\w+::\d+\]\s*|\w+\.cpp:\d+:\s*", "", line)[:300]

    @property
    def out_of_memory(self) -> bool:
        return any("out of memory" in text.lower() or "outofmemory" in text.lower() for text in self.errors)


def make_log(flavour: Flavour) -> Any:
    """A logger for this flavour (its base class lives in the package) that keeps errors and is silent otherwise."""
    trt: Any = flavour.module

    class Log(trt.ILogger, LogBase):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            LogBase.__init__(self)

        def log(self, severity: Any, text: str) -> None:
            if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
                self.errors.append(text)

    return Log()


def _targets(module: ModuleType) -> tuple[int, ...]:
    known = getattr(module, "ComputeCapability", None)
    return tuple(sorted(int(name[2:]) for name in known.__members__ if name.startswith("SM"))) if known is not None else ()


def _cuda_major(name: FlavourName) -> int:
    """From the name of the distribution that was installed: tensorrt-rtx-cu13 is made for CUDA 13."""
    for major in (12, 13, 14):
        try:
            metadata.version(f"{name.replace('_', '-')}-cu{major}")
        except metadata.PackageNotFoundError:
            continue
        return major
    return 0


def _dotted(capability: int) -> str:
    return f"{capability // 10}.{capability % 10}"
