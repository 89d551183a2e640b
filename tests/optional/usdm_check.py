"""Run by the interpreter of the optional environment: hold USDM files against the model and the rules of `usdm4`, and print JSON.

Usage: usdm_check.py FILE.json ...
"""

import importlib
import json
import sys
from typing import Any


def checked(path: str) -> dict[str, Any]:
    """What `usdm4` says of one file: faults of its model, rules run, and findings as [rule, class, attribute, message]."""
    package = importlib.import_module("usdm4")
    results = package.USDM4().validate(path)
    rows = results.to_dict()
    return {
        "model": model_faults(path),
        "rules": results.count(),
        "not_run": sorted(row["rule_id"] for row in rows if row["status"] == "Exception"),
        "findings": sorted([row["rule_id"], row["klass"], row["attribute"], row["message"]] for row in rows if row["status"] == "Failure"),
    }


def model_faults(path: str) -> list[str]:
    """Places where the package's own classes refuse the file."""
    wrapper = importlib.import_module("usdm4.api.wrapper").Wrapper
    pydantic = importlib.import_module("pydantic")
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    try:
        wrapper.model_validate(content)
    except pydantic.ValidationError as error:
        places = (".".join(map(str, each["loc"])) for each in error.errors())
        # A design is tried as an interventional and as an observational one; only the first is meant.
        return sorted(place for place in places if "ObservationalStudyDesign" not in place)
    return []


if __name__ == "__main__":
    json.dump({path: checked(path) for path in sys.argv[1:]}, sys.stdout)
