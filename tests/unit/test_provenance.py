"""The record of a run: names and hashes of its files."""

from hashlib import sha256
from pathlib import Path

import pytest

from odisea.provenance import content_digest, hashes, timestamp


def test_files_of_one_name_keep_a_hash_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path.parent
    paths = [elsewhere / "declared" / "a.yaml", elsewhere / "dictionary" / "a.yaml", tmp_path / "own.yaml"]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(path), encoding="utf-8")
    expected = {"declared/a.yaml": paths[0], "dictionary/a.yaml": paths[1], "own.yaml": paths[2]}
    assert hashes(paths) == {name: sha256(path.read_bytes()).hexdigest() for name, path in expected.items()}


def test_a_digest_does_not_depend_on_the_order_of_keys() -> None:
    assert content_digest({"a": 1, "b": [1.5, "é"]}) == content_digest({"b": [1.5, "é"], "a": 1})
    assert content_digest({"a": 1}) != content_digest({"a": 2})


def test_the_clock_can_be_set_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert timestamp() == "1970-01-01T00:00:00+00:00"
