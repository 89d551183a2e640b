"""Write a protocol's exports; each file under a temporary name first, so that a reader never meets half a file."""

import os
from pathlib import Path

from odisea.errors import Problem, ProtocolError
from odisea.protocol.exports.redcap import redcap_setup_text, redcap_text
from odisea.protocol.exports.usdm import usdm_texts
from odisea.protocol.model import Protocol


def write_usdm(path: Path, protocol: Protocol) -> tuple[Path, Path]:
    """Write the USDM document, and beside it `NAME.statistics.json` with what USDM cannot carry.

    Parameters
    ----------
    path : Path
        Ends in `.json`; its folder is made where it is missing.

    Returns
    -------
    tuple of Path
        The document and its sidecar.

    Raises
    ------
    ProtocolError
        The name does not end in `.json`.
    """
    _check_suffix(path, ".json")
    sidecar = path.with_name(f"{path.stem}.statistics.json")
    for file, text in zip((path, sidecar), usdm_texts(protocol), strict=True):
        _write(file, text)
    return path, sidecar


def write_redcap(path: Path, protocol: Protocol, language: str = "es") -> tuple[Path, Path]:
    """Write the REDCap data dictionary, and beside it `NAME.setup.csv` with what to set up by hand for each form.

    Parameters
    ----------
    path : Path
        Ends in `.csv`; its folder is made where it is missing.
    language : str
        Of the labels: `es` or `en`.

    Returns
    -------
    tuple of Path
        The dictionary and the set-up table.

    Raises
    ------
    ProtocolError
        The name does not end in `.csv`, or the language is another one.
    """
    _check_suffix(path, ".csv")
    setup = path.with_name(f"{path.stem}.setup.csv")
    texts = redcap_text(protocol, language), redcap_setup_text(protocol, language)
    for file, text in zip((path, setup), texts, strict=True):
        _write(file, text)
    return path, setup


def _check_suffix(path: Path, suffix: str) -> None:
    if path.suffix != suffix:
        raise ProtocolError(Problem(str(path), f"the suffix is {path.suffix or 'missing'}", f"this export is written as {suffix}"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="")
    temporary.replace(path)
