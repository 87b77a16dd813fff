"""Packages in versions that were not tried are told, by what is really installed."""

from importlib import metadata

import pytest

from app import doctor, versions
from model.machine import Finding


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Another version of a package, earlier on the path, as pip writes it down."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, version):
        folder = tmp_path / f"{name}-{version}.dist-info"
        folder.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\n"
        (folder / "METADATA").write_text(text + (f"Version: {version}\n" if version else ""))

    return install


@pytest.fixture
def constraints(tmp_path):
    """Constraints that what is installed here fulfils, and then these."""

    def constraints(*lines):
        file = tmp_path / "constraints.txt"
        numpy = f"numpy=={metadata.version('numpy')}"
        file.write_text("\n".join(["# Made for this test.", numpy, *lines]))
        return file

    return constraints


FINE = Finding(True, "Packages", "Those installed have the versions that were tried.")


def test_what_was_tried_is_fine(constraints):
    assert versions.packages(constraints()) == FINE


def test_a_version_that_was_not_tried_is_named_with_what_to_do(constraints, install):
    install("transformers", "99.1")
    finding = versions.packages(constraints("transformers==5.23.0"))
    assert finding.ok is None and "transformers 99.1 (5.23.0)" in finding.sentence
    assert "numpy" not in finding.sentence
    assert finding.remedy == "pip install -r requirements.txt"


def test_doctor_reads_the_versions_that_the_repository_holds_to(tmp_path, install):
    install("segno", "99.0")
    tried = {
        line.partition("==")[0]: line.partition("==")[2].partition(" ")[0]
        for line in versions.CONSTRAINTS.read_text().splitlines()
    }
    told = doctor.as_text(doctor.report(tmp_path, tmp_path / "models"))
    assert f"segno 99.0 ({tried['segno']})" in " ".join(told.split())
    assert "To do: pip install -r requirements.txt" in told


@pytest.mark.parametrize("build", ["2.13.0", "2.13.0+cpu", "2.13.0+cu130"])
def test_any_build_of_a_version_will_do(constraints, install, build):
    install("torch", build)
    assert versions.packages(constraints("torch==2.13.0")) == FINE


@pytest.mark.parametrize(
    "version", ["2.13.0rc1", "2.13.1", "2.13.0.post1", "2.12.0+cpu", "dev", ""]
)
def test_another_version_is_not_it(constraints, install, version):
    install("torch", version)
    assert "torch " in versions.packages(constraints("torch==2.13.0")).sentence


def test_what_is_not_installed_or_for_elsewhere_does_not_count(constraints, install):
    install("audioop-lts", "0.1")
    elsewhere = 'audioop-lts==0.2.2 ; sys_platform == "elsewhere"'
    assert versions.packages(constraints("nvidia-nowhere==1", elsewhere)) == FINE


def test_many_are_counted(constraints, install):
    for i in range(8):
        install(f"package{i}", "2")
    told = versions.packages(constraints(*(f"package{i}==1" for i in range(8)))).sentence
    assert "package4 2 (1), and 3 more." in told and "package5" not in told
