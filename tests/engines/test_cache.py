"""The engine cache: found again, rebuilt when damaged or outdated, built once, bounded."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engines.tensorrt.build import Engine
from engines.tensorrt.cache import MAGIC, EngineCache, read_engine, read_manifest
from engines.tensorrt.manifest import EngineKey, Manifest, Profile, SizeRange, TensorFacts
from pipeline.errors import EngineError, OutputError
from tests.limits import PATIENCE_S

REPOSITORY = Path(__file__).resolve().parents[2]

KEY = EngineKey(
    model="age",
    model_sha256="ab" * 32,
    flavour="tensorrt_rtx",
    version="1.7.1",
    precision="fp16",
    targets=(86,),
    gpu="",
    profile=Profile(batch=SizeRange(least=1, usual=8, most=32)),
)


def engine(key: EngineKey = KEY, data: bytes = b"\x00\nengine\n" * 50) -> Engine:
    tensor = TensorFacts(name="crops", direction="input", dtype="uint8", shape=(-1, 160, 160, 3))
    sha256 = hashlib.sha256(data).hexdigest()
    return Engine(Manifest(key=key, tensors=(tensor,), layers=3, built_s=1.0, engine_bytes=len(data), engine_sha256=sha256), data)


class Builder:
    """Builds and counts."""

    def __init__(self, key: EngineKey = KEY) -> None:
        self.key, self.builds = key, 0

    def __call__(self) -> Engine:
        self.builds += 1
        return engine(self.key)


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    return EngineCache(tmp_path / "engines")


def test_built_once_then_found(cache: EngineCache) -> None:
    build = Builder()
    assert cache.find(KEY) is None
    first = cache.get(KEY, build)
    again = EngineCache(cache.folder).get(KEY, build)
    assert build.builds == 1
    assert again == first == engine()


@pytest.mark.parametrize(
    "change",
    [
        {"model_sha256": "cd" * 32},
        {"flavour": "tensorrt"},
        {"version": "1.7.2"},
        {"precision": "fp32"},
        {"targets": (89,)},
        {"gpu": "another"},
        {"profile": Profile(batch=SizeRange(least=1, usual=8, most=64))},
        {"recipe": 99},
    ],
)
def test_whatever_changes_is_built_anew(cache: EngineCache, change: dict[str, object]) -> None:
    cache.store(engine())
    other = KEY.model_copy(update=change)
    assert cache.find(other) is None
    build = Builder(other)
    assert cache.get(other, build).manifest.key == other
    assert build.builds == 1
    assert cache.find(KEY) is not None, "the old one stays"


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "longer", "manifest"])
def test_a_damaged_file_is_rebuilt_once(cache: EngineCache, damage: str) -> None:
    path = cache.store(engine())
    whole = path.read_bytes()
    path.unlink()
    damaged = {
        "cut": whole[:-7],
        "flipped": whole[:-3] + b"?" + whole[-2:],
        "empty": b"",
        "text": b"this is text\n",
        "longer": whole + b"more",
        "manifest": MAGIC + b'{"schema_version": 9}\n' + whole,
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(EngineError, match="is damaged") as caught:
        read_engine(path)
    assert "built again" in caught.value.hint
    build = Builder()
    assert cache.get(KEY, build) == engine()
    assert cache.get(KEY, build) == engine()
    assert build.builds == 1


def test_a_renamed_engine_is_not_taken_for_another(cache: EngineCache) -> None:
    other = KEY.model_copy(update={"precision": "fp32"})
    cache.store(engine(other)).rename(cache.path(KEY))
    assert cache.find(KEY) is None
    assert cache.find(other) is not None, "its manifest tells what it is"


def test_an_engine_for_several_gpus_serves_each(cache: EngineCache) -> None:
    wide = KEY.model_copy(update={"targets": (75, 86, 89)})
    path = cache.store(engine(wide))
    path.rename(path.with_name("carried-over.engine"))
    found = cache.find(KEY)
    assert found is not None
    assert found.manifest.key == wide
    assert cache.find(KEY.model_copy(update={"targets": (120,)})) is None
    cache.reject(KEY)
    assert cache.find(KEY) is None


def test_an_interrupted_build_leaves_nothing(cache: EngineCache) -> None:
    def interrupted() -> Engine:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.get(KEY, interrupted)
    assert cache.find(KEY) is None
    assert cache.entries() == []
    assert cache.get(KEY, Builder()) == engine(), "the lock was given back"


def test_a_failed_write_leaves_the_old_file(cache: EngineCache, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cache.store(engine())

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        cache.store(engine(data=b"new"))
    assert read_engine(path) == engine()
    assert [name.name for name in cache.folder.iterdir()] == [path.name], "no half file is left"


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    blocked = EngineCache(tmp_path / "file" / "engines")
    with pytest.raises(OutputError, match="cannot be kept") as caught:
        blocked.get(KEY, Builder())
    assert "permissions" in caught.value.hint


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    size = len(MAGIC) + len(engine().manifest.model_dump_json()) + 1 + len(engine().data)
    cache = EngineCache(tmp_path, limit_bytes=int(2.5 * size))
    keys = [KEY.model_copy(update={"version": f"1.{number}"}) for number in range(3)]
    for age_s, key in zip((300, 200), keys, strict=False):
        path = cache.store(engine(key))
        os.utime(path, (time.time() - age_s, time.time() - age_s))
    cache.write_side(keys[0], ".runtime", b"compiled")
    assert cache.find(keys[0]) is not None, "found: the most recently used now"
    cache.store(engine(keys[2]))
    assert [entry.manifest.key for entry in cache.entries() if entry.manifest] == [keys[2], keys[0]]
    assert cache.read_side(keys[0], ".runtime") == b"compiled"


def test_one_engine_over_the_limit_is_kept(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, limit_bytes=1)
    cache.store(engine())
    assert cache.find(KEY) is not None


def test_what_lies_beside_goes_with_the_engine(cache: EngineCache) -> None:
    path = cache.store(engine())
    cache.write_side(KEY, ".parity.json", b"{}")
    cache.discard(path)
    assert list(cache.folder.iterdir()) == []
    assert cache.read_side(KEY, ".parity.json") == b""


def test_timings_are_shared_between_models(cache: EngineCache) -> None:
    assert cache.read_timings(KEY) == b""
    cache.write_timings(KEY, b"measured")
    assert cache.read_timings(KEY.model_copy(update={"model": "other", "precision": "fp32"})) == b"measured"
    assert cache.read_timings(KEY.model_copy(update={"version": "2"})) == b""


def test_the_list_shows_damaged_files(cache: EngineCache) -> None:
    cache.store(engine())
    (cache.folder / "broken.engine").write_bytes(b"?")
    entries = cache.entries()
    assert sorted(entry.manifest is None for entry in entries) == [False, True]
    assert read_manifest(cache.path(KEY)) == engine().manifest


BUILDING = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.engines.test_cache import KEY, EngineCache, engine

def build():
    with open(Path(sys.argv[1]) / "builds.txt", "a") as file:
        file.write("build\\n")
    time.sleep(float(sys.argv[3]))
    return engine()

assert EngineCache(Path(sys.argv[1])).get(KEY, build) == engine()
"""


def start(folder: Path, seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", BUILDING, str(folder), str(REPOSITORY), str(seconds)])


def test_two_processes_at_once_build_once(tmp_path: Path) -> None:
    both = [start(tmp_path, 0.5), start(tmp_path, 0.5)]
    assert [process.wait(PATIENCE_S) for process in both] == [0, 0]
    assert (tmp_path / "builds.txt").read_text() == "build\n"
    assert EngineCache(tmp_path).find(KEY) == engine()


def test_a_killed_builder_blocks_nobody(tmp_path: Path) -> None:
    killed = start(tmp_path, 60)
    while not (tmp_path / "builds.txt").exists():
        time.sleep(0.02)
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    assert EngineCache(tmp_path).get(KEY, Builder()) == engine()
