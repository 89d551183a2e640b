"""Protocols of other designs load and are checked; where the suite has no method for a design, the command says so in one line."""

from pathlib import Path

import pytest

from odisea.analyse.plan import lower_plan
from odisea.data.manifest import make_manifest
from odisea.data.mapping import check_mapping, read_mapping
from odisea.errors import ProtocolError
from odisea.protocol.load import load_protocol
from odisea.protocol.model import Protocol
from tests.commands import run_odisea, succeed
from tests.conftest import ROOT

EXAMPLES = ROOT / "protocol" / "examples"
NAMES = ("cluster_example", "noninferiority_example", "three_arm_example")
REAL = ("antidepressant_dia", "ashar_prt", "licorice_gargle")
NOT_OURS = {
    "cluster_example": "/randomisation/unit: clusters are randomised; the analyses here take participants as independent",
    "noninferiority_example": "/design/framework: the framework is non_inferiority; the analyses here test against no difference",
}


def path_of(name: str) -> Path:
    return EXAMPLES / name / "protocol.yaml"


def load(name: str) -> Protocol:
    return load_protocol(path_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_loads_under_its_own_name_and_says_that_it_is_invented(name: str) -> None:
    protocol = load(name)
    assert protocol.trial == name
    assert protocol.sources[0].id == "invented"
    assert protocol.identification.title.en != protocol.identification.title.es
    assert "No such trial exists" in (EXAMPLES / name / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REAL)
def test_an_example_of_a_real_trial_has_its_mapping_and_says_where_its_data_are(name: str) -> None:
    """The data themselves are not here: tests/acceptance runs them where they are."""
    protocol, mapping = load(name), read_mapping(EXAMPLES / name / "mapping.yaml")
    check_mapping(mapping, protocol)
    assert {"paper", "data"} <= {source.id for source in protocol.sources}
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    assert all(source.file in readme for source in mapping.value.sources.values())
    assert sorted(path.name for path in (EXAMPLES / name).iterdir()) == ["README.md", "dictionary.yaml", "mapping.yaml", "protocol.yaml"]


def test_every_example_is_looked_at() -> None:
    assert sorted((*NAMES, *REAL)) == sorted(path.parent.name for path in EXAMPLES.glob("*/protocol.yaml"))


@pytest.mark.parametrize("name", REAL)
def test_every_analysis_of_a_real_trial_can_be_lowered(name: str) -> None:
    protocol = load(name)
    for plan in protocol.analysis.plans:
        assert len(lower_plan(protocol, plan)) == len(protocol.analysis.plans[plan].analyses)


def test_visits_are_modelled_jointly_where_the_method_does() -> None:
    """Likelihood and reference-based methods take every visit, whichever is analysed; least squares those up to it."""
    planned = {one.id: one for one in lower_plan(load("antidepressant_dia"), "depression")}
    sizes = {name: planned[f"depression.{name}"].series.size for name in ("mmrm_visit5", "jump_rubin_visit5", "complete_visit4")}
    assert sizes == {"mmrm_visit5": 4, "jump_rubin_visit5": 4, "complete_visit4": 1}


def test_the_examples_say_what_their_designs_need() -> None:
    cluster, margin, arms = map(load, NAMES)
    assert (cluster.randomisation.unit.value, cluster.sample_size.icc.value, cluster.sample_size.cluster_size.value) == (
        "cluster",
        0.03,
        20,
    )
    assert (margin.design.framework.value, margin.design.margin.value) == ("non_inferiority", 0.1)
    assert (arms.arm_ids, len(arms.contrasts)) == (("high", "low", "placebo"), 3)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_checked(name: str, tmp_path: Path) -> None:
    succeed("check", path_of(name), "-o", tmp_path)
    assert (tmp_path / "findings.json").is_file()


def test_three_arms_can_be_analysed_contrast_by_contrast() -> None:
    planned = lower_plan(load("three_arm_example"), "dose")
    assert [(one.id, one.analysis.arm, one.analysis.reference) for one in planned] == [
        ("dose.high", 0, 2),
        ("dose.low", 1, 2),
        ("dose.doses", 0, 1),
        ("dose.four_days_high", 0, 2),
    ]


@pytest.mark.parametrize("name", sorted(NOT_OURS))
def test_a_design_without_a_method_here_is_not_lowered(name: str) -> None:
    protocol = load(name)
    with pytest.raises(ProtocolError) as caught:
        lower_plan(protocol, next(iter(protocol.analysis.plans)))
    assert [NOT_OURS[name] in str(problem) for problem in caught.value.problems] == [True]


@pytest.mark.parametrize("command", ["power", "simulate"])
@pytest.mark.parametrize("name", NAMES)
def test_without_assumptions_an_example_is_not_simulated(command: str, name: str, tmp_path: Path) -> None:
    said = run_odisea(command, path_of(name), "-o", tmp_path / "output")
    assert (said.code, said.printed, len(said.messages)) == (1, "", 1)
    assert "assumptions.yaml: the file does not exist" in said.messages[0]
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("name", "why"),
    [*NOT_OURS.items(), ("three_arm_example", "ineligible_I5: no such criterion can be assumed")],
)
@pytest.mark.parametrize("command", ["power", "simulate"])
def test_with_anothers_assumptions_an_example_is_refused(command: str, name: str, why: str, tmp_path: Path) -> None:
    """The assumptions are those of our own trial under the example's name."""
    options: list[object] = []
    for kind in ("assumptions", "scenarios"):
        text = (ROOT / "simulate" / f"{kind}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{kind}.yaml").write_text(text.replace("trial: nct07248813", f"trial: {name}"), encoding="utf-8")
        options += [f"--{kind}", tmp_path / f"{kind}.yaml"]
    said = run_odisea(command, path_of(name), *options, "--scenario", "registered", "--store", tmp_path, "-o", tmp_path / "output")
    assert (said.code, said.printed) == (1, "")
    assert any(why in message for message in said.messages), said.messages
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize("name", sorted(NOT_OURS))
@pytest.mark.parametrize("arms", ["--blind", "--allocation"])
def test_an_export_of_a_design_without_a_method_is_not_analysed(arms: str, name: str, tmp_path: Path) -> None:
    protocol = load(name)
    export = tmp_path / "export"
    (export / "restricted").mkdir(parents=True)
    for file, spec in protocol.dictionary.files.items():
        (export / file).write_text(",".join(spec.columns) + "\n", encoding="utf-8")
    allocation = (export / "restricted").rename(tmp_path / "restricted") / "allocation.csv"
    manifest = make_manifest(name, "real", analysis_key=None, made_by="a test", inputs={})
    (export / "export_manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
    given = [arms, allocation] if arms == "--allocation" else [arms]
    said = run_odisea("analyse", path_of(name), export, *given, "-o", tmp_path / "output")
    assert (said.code, len(said.messages)) == (1, 1), said.messages
    assert NOT_OURS[name] in said.messages[0]
    assert not (tmp_path / "output").exists()
