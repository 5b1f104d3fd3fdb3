"""The adapter that docs/write-a-channel.md builds keeps its word, and the page shows it as it is."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "example-channel"

os.environ.setdefault("EMULATE", str(ROOT / "tests/npm/node_modules/emulate/dist/index.js"))


def _loaded(name: str) -> object:
    spec = spec_from_file_location(name, EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_loaded("tanggap_github")
_tests = _loaded("test_tanggap_github")
server = _tests.server  # type: ignore[attr-defined]


class TestTheExample(_tests.TestGitHub):  # type: ignore[name-defined, misc]
    """Its own conformance tests."""


@pytest.mark.parametrize("file", ["tanggap_github.py", "test_tanggap_github.py", "pyproject.toml"])
def test_the_page_names_every_file_of_the_example(file: str) -> None:
    page = (ROOT / "docs" / "write-a-channel.md").read_text(encoding="utf-8")

    assert f"example-channel/{file}" in page
