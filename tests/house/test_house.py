"""Habits of the house that a machine can check."""

import ast
import re
import subprocess
import sys

import pytest
from source import PACKAGE, ROOT, imports, sources, text_files, tree

LONGEST = 330
BRITISH = re.compile(
    r"\b(?:\w*colour\w*|behaviour\w*|neighbour\w*|favour\w*|centre|centred|labelled|labelling|modelling|licence|analyse\w?|grey"
    r"|(?:un)?(?:normal|initial|optim|regular|token|general|summar|quant|random|binar|equal|vector|minim|maxim)is(?:e|es|ed|er|ers|ing|ation)s?)\b",
    re.IGNORECASE,
)


def test_importing_the_package_does_not_import_torch():
    for module in ("workings", "workings.cli.main", "workings.cli.train", "workings.models.settings", "workings.training.settings"):
        code = f"import {module}, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code]).returncode == 0, module


def test_dir_names_the_public_things_and_each_can_be_had():
    import workings

    assert dir(workings) == workings.__all__
    for name in workings.__all__:
        assert name == "__version__" or callable(getattr(workings, name))


def test_an_unknown_name_is_an_attribute_error():
    import workings

    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        workings.trian  # noqa: B018


@pytest.mark.parametrize("module", sources())
def test_a_file_is_one_idea_and_not_long(module: str):
    assert len(sources()[module].read_text().splitlines()) <= LONGEST


@pytest.mark.parametrize("module", sources())
def test_every_module_says_what_it_is(module: str):
    path = sources()[module]
    assert ast.get_docstring(tree(path)) or not path.read_text().strip()


def test_nothing_is_unpickled():
    for module, path in sources().items():
        assert not [target for _, target in imports(path) if target.split(".")[0] in {"pickle", "dill", "joblib", "shelve"}], module
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                risky = ast.unparse(node.func) == "torch.load" or any(ast.unparse(word) == "allow_pickle=True" for word in node.keywords)
                assert not risky, f"{module}:{node.lineno} reads a file that can run code; use safetensors"


def test_spelling_is_american():
    for path in text_files():
        if path.parent.name != "house" and path.name != "LICENSE":
            assert not BRITISH.findall(path.read_text(encoding="utf-8")), path.relative_to(ROOT)


def test_files_name_no_outside_workplace_and_no_package_host():
    hidden = ["/wo" + "rk/", "/t" + "mp/w", "/op" + "t/", "pypi" + ".org", "files.python" + "hosted", "index" + "-url", "registry.np" + "mjs"]
    for path in text_files():
        text = path.read_text(encoding="utf-8")
        assert not [word for word in hidden if word in text], path.relative_to(ROOT)


def test_the_constraints_are_exact_versions_and_pin_torch():
    lines = (ROOT / "constraints.txt").read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.!]*", line) for line in lines)
    assert [line for line in lines if line.startswith("torch==")] == ["torch==2.13.0"]


def test_the_version_is_said_once():
    import tomllib

    import workings

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == workings.__version__
    assert f"version: {workings.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_the_scripts_can_be_executed():
    import os

    assert all(os.access(ROOT / name, os.X_OK) for name in ("run", ".ci/run"))


def test_the_package_tells_type_checkers_that_it_has_types():
    assert (PACKAGE / "py.typed").exists()
