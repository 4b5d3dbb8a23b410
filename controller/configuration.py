"""The machine that the command line names: a named configuration or a TOML file, with fields set one by one."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from controller.refusal import ModelError
from spec.config import CONFIGS, Config
from spec.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MEMORY = "memory"
Value = int | str


def configured(name: str, settings: Sequence[str] = ()) -> Config:
    """The configuration of a name or a file, with `KEY=VALUE` settings.

    Parameters
    ----------
    name
        A named configuration, or a TOML file: a table of fields, `memory` a table or a profile's name, and `base` the
        named configuration for fields that it leaves out (`default` if there is none).
    settings
        Fields of the configuration, or `memory.NAME` for the memory's; `memory` is its profile.

    Raises
    ------
    ModelError
        One sentence.
    """
    config = CONFIGS[name] if name in CONFIGS else _from_file(Path(name))
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ModelError(f"--set must be KEY=VALUE, not '{setting}'")
        config = _with(config, {key.strip(): value.strip()}, "--set")
    return config


def _from_file(path: Path) -> Config:
    if path.suffix != ".toml":
        raise ModelError(f"configuration must be one of {', '.join(CONFIGS)} or a .toml file, not '{path}'")
    try:
        table = tomllib.loads(path.read_text())
    except OSError:
        raise ModelError(f"{path}: there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: this is not TOML: {error}") from None
    base = table.pop("base", "default")
    if base not in CONFIGS:
        raise ModelError(f"{path}: base must be one of {', '.join(CONFIGS)}, not '{base}'")
    name = table.pop("name", path.stem)
    if not isinstance(name, str):
        raise ModelError(f"{path}: name must be a text, not {name}")
    memory = table.pop(_MEMORY, {})
    if isinstance(memory, str):
        memory = {"profile": memory}
    if not isinstance(memory, dict):
        raise ModelError(f"{path}: memory must be a table or a profile, not {memory}")
    values = {**table, **{f"{_MEMORY}.{key}": value for key, value in memory.items()}}
    return replace(_with(CONFIGS[base], values, str(path)), name=name)


def _with(config: Config, values: Mapping[str, object], where: str) -> Config:
    own: dict[str, Value] = {}
    memory: dict[str, Value] = {}
    for key, value in values.items():
        if key == _MEMORY:
            memory["profile"] = str(value)
        elif key.startswith(f"{_MEMORY}."):
            memory[key.removeprefix(f"{_MEMORY}.")] = _value(Memory, key, key.removeprefix(f"{_MEMORY}."), value, where)
        else:
            own[key] = _value(Config, key, key, value, where)
    if "rows" in own and "cols" not in own:
        own["cols"] = own["rows"]
    if "cols" in own and "rows" not in own:
        own["rows"] = own["cols"]
    try:
        changed = {**own, _MEMORY: replace(config.memory, **memory)}  # type: ignore[arg-type]
        return replace(config, **changed)  # type: ignore[arg-type]
    except ValueError as error:
        raise ModelError(f"{where}: {error}") from None


def _value(kind: type[Config | Memory], key: str, name: str, value: object, where: str) -> Value:
    types = {field.name: field.type for field in fields(kind) if field.name not in {"name", _MEMORY}}
    if name not in types:
        raise ModelError(f"{where}: there is no field '{key}'; the fields are {', '.join(types)}")
    if types[name] == "str":
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ModelError(f"{where}: {key} must be a whole number, not {value}")
    try:
        return int(value)
    except ValueError:
        raise ModelError(f"{where}: {key} must be a whole number, not '{value}'") from None
