"""Files that appear whole: written beside their place, then renamed."""

from __future__ import annotations

from pathlib import Path
from tempfile import NamedTemporaryFile

from controller.refusal import ModelError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file and its folder; after an error there is no trace of it.

    Raises
    ------
    ModelError
        If it cannot be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ModelError(f"{path}: cannot be written: {error.strerror or error}") from None
