"""Runs the digits network on RTL and golden model, on every machine and memory, and keeps what they showed.

``python -m docs.results`` writes docs/data/digits.json, from which ``make docs`` makes the README's table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from spec.memory import PROFILES

DATA = Path(__file__).parent / "data"
CONFIGS = ("tiny", "board", "default", "edge", "onsram")


def measure(config: str, profile: str) -> dict[str, object]:
    """One inference on both engines, equal in everything or else an exception."""
    code = "from controller.cli import main; main()"
    settings = ["--config", config, "--set", f"memory={profile}", "--engine", "both", "--json", "-"]
    command = [sys.executable, "-c", code, "run", str(DATA / "digits.onnx"), *settings]
    data = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)  # noqa: S603 (ours)
    [one] = data["inferences"]
    return {
        "config": config, "profile": profile, "cycles": one["cycles"], "bursts": one["bursts"],
        "utilization": round(one["utilization"], 4), "differing": one["reference"]["differing"],
    }  # fmt: skip


def main() -> int:
    """Measure everything."""
    rows = []
    for config in CONFIGS:
        for profile in PROFILES:
            rows.append(measure(config, profile))
            print(json.dumps(rows[-1]))
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    (DATA / "digits.json").write_text(f"[\n  {lines}\n]\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
