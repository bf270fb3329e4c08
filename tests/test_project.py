"""The files around the code agree with it and with each other."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FORMS = [path for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


def read(name: str):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_hooks_run_what_make_check_runs():
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    checks = [line.strip().replace("$(VENV)", ".venv") for line in recipe[1].splitlines()]
    (repo,) = read(".pre-commit-config.yaml")["repos"]
    assert [hook["entry"] for hook in repo["hooks"]][: len(checks)] == checks
    assert {hook["language"] for hook in repo["hooks"]} == {"system"}, "hooks need no download"


def test_the_public_workflow_runs_make_test():
    workflow = read(".github/workflows/test.yml")
    job = workflow["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if "run" in step][-1] == "make test"
    assert PYPROJECT["project"]["requires-python"] == f">={job['strategy']['matrix']['python'][0]}"


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_forms(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    assert {field["type"] for field in form["body"]} <= {"input", "textarea"}
    assert all(field["attributes"]["label"] for field in form["body"])
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert any(field.get("validations", {}).get("required") for field in form["body"])


def test_types_are_told_to_those_who_import():
    for package in ("hrs", "app"):
        assert (ROOT / package / "py.typed").is_file()
        assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"][package]


def test_the_citation_is_of_this_version():
    cited = read("CITATION.cff")
    assert (cited["version"], cited["license"]) == (PYPROJECT["project"]["version"], PYPROJECT["project"]["license"])
