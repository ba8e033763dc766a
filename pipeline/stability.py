"""How steady and how right ages over time are: `python -m pipeline.stability …`, the name under which it is found.

It needs a model, a runtime and photographs, which this package knows nothing of: the work is done by `training.stability`, a
process of its own, which explains its arguments with `--help`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes as those of `training.stability`. Paths count from the current folder."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); from training.stability import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run([sys.executable, "-c", code, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
