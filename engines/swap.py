"""An age engine that serves at once and changes to a faster one, between two frames, when that is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engines.age import FaceNetAgeEngine
from engines.runtime import TensorRuntime
from pipeline.errors import AppError
from pipeline.protocols import EngineInfo
from pipeline.types import AgeEstimate, Float32Array, UInt8Array


@dataclass(frozen=True, slots=True)
class BuildState:
    """How far a build is.

    Attributes:
        share: done, 0 … 1.
        built: it is finished and in the cache.
        error: it failed.
    """

    share: float = 0.0
    built: bool = False
    error: AppError | None = None


class Build(Protocol):
    """A build that goes on elsewhere, see `engines.tensorrt.background.BuildProcess`."""

    @property
    def state(self) -> BuildState: ...

    def cancel(self) -> None: ...


class SwappingAgeEngine:
    """Estimates with one engine until another is there. One thread, like every engine: the new one is opened in it as well.

    Args:
        serving: estimates from the first frame on; closed when the other one is there.
        build: makes the other one.
        open_built: opens it, once it is built.
    """

    def __init__(self, serving: FaceNetAgeEngine, build: Build, open_built: Callable[[], FaceNetAgeEngine]) -> None:
        self._engine = serving
        self._build: Build | None = build
        self._open_built = open_built
        self._note = ""

    @property
    def info(self) -> EngineInfo:
        """What runs now; `note` tells how far the build is, or why it failed."""
        if (build := self._build) is not None:  # other threads may ask while this one swaps
            return replace(self._engine.info, note=f"building TensorRT {build.state.share:.0%}")
        return replace(self._engine.info, note=self._note)

    @property
    def failed(self) -> bool:
        """The other engine could not be built or opened; it will not come any more."""
        return bool(self._note)

    @property
    def runtime(self) -> TensorRuntime:
        """Of the engine that runs now."""
        return self._engine.runtime

    def estimate(self, image: UInt8Array, landmarks: Sequence[Float32Array]) -> list[AgeEstimate]:
        self._swap_if_built()
        return self._engine.estimate(image, landmarks)

    def close(self) -> None:
        """Gives up the build if it still goes on."""
        if self._build is not None:
            self._build.cancel()
            self._build = None
        self._engine.close()

    def _swap_if_built(self) -> None:
        if self._build is None or not ((state := self._build.state).built or state.error is not None):
            return
        self._build.cancel()  # it has ended; this joins its thread
        self._build = None
        error = state.error
        if error is None:
            try:
                built = self._open_built()
            except AppError as failure:  # the one that serves goes on serving, and says why
                error = failure
            else:
                before, self._engine = self._engine, built
                before.close()
                return
        self._note = f"TensorRT does not run: {error.message}"
