"""YAML as plain data: no tags, no code, and no key twice in one mapping, where PyYAML lets the last one win unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from landuse.errors import ConfigError

MAX_BYTES = 1_000_000


class _Twice(yaml.YAMLError):
    """A key that a mapping has already."""


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader; the keys of a mapping are looked at as they are written, before any are merged into it."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401
        """The mapping, as PyYAML reads it. Raises `_Twice` for a key that it has already."""
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                raise _Twice(f"{key.value!r} stands twice; keep one of them (line {key.start_mark.line + 1})")
            seen.add((key.tag, key.value))
        return node


def read_yaml_file(path: Path, what: str) -> Any:  # noqa: ANN401
    """The data of a YAML file; as `read_yaml`, and for a file that is missing, too large or no text."""
    if not path.is_file():
        raise ConfigError(f"There is no {what} file {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError(f"{path} is too large to be a {what} ({path.stat().st_size:,} bytes).")
    try:
        text = path.read_text(encoding="utf8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no text file, so it cannot be a {what}.") from error
    return read_yaml(text, str(path), what)


def read_yaml(text: str, where: str, what: str) -> Any:  # noqa: ANN401
    """The data of YAML text.

    Raises:
        ConfigError: it is no plain YAML, is nested too deeply, or has a key twice in one mapping.
    """
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    except _Twice as error:
        raise ConfigError(f"{where}: {error}.") from error
    except (yaml.YAMLError, ValueError) as error:  # PyYAML makes dates by itself, and there is no 31st of February
        raise ConfigError(f"{where} is not YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise ConfigError(f"{where} is nested too deeply to be a {what}.") from error
    finally:
        loader.dispose()
