"""What pip and a package index are told about the project, against the project itself."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement

from lexiseg.cli.doctor import EXTRAS

ROOT = Path(__file__).resolve().parents[1]
OWN = {"lexiseg", "tests", "benchmarks", "scripts"}
# Nothing imports these without their extras.
ROOMS_OF_EXTRAS = ("src/lexiseg/web", "src/lexiseg/integrations/label_studio")
FOR_PEOPLE = {"test", "dev", "docs", "mutation", "programs"}  # extras for who works on the project
# Not among what the tests need: each brings half a program, with bounds on other packages.
TRIED_APART = {"timm", "cvat-sdk", "fiftyone", "ray", "s3fs"}
# Used without an import of ours.
PLUGINS = {
    "timm": "transformers imports it for EdgeTAM",
    "python-multipart": "starlette imports it for forms",
    "imagecodecs": "tifffile imports it for compressed pictures",
    "s3fs": "fsspec imports it for addresses that begin with s3://",
    "pytest-xdist": "a plugin of pytest",
    "hatch-fancy-pypi-readme": "a plugin of hatchling",
    "mkdocs-material": "a theme of MkDocs",
    "mkdocstrings": "a plugin of MkDocs",
}
LINK = re.compile(r"\]\((?!#)([^)\s]+)\)")


@pytest.fixture(scope="module")
def metadata() -> ProjectMetadata:
    """The project as the builder of wheels sees it."""
    return ProjectMetadata(str(ROOT), PluginManager())


def imports(path: Path, inside_functions: bool = True) -> Iterator[str]:
    """Top-level names of the modules that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if inside_functions else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value.split(".")[0]


def used(*folders: str, inside_functions: bool = True, but: tuple[str, ...] = ()) -> set[str]:
    """Distributions, by their normal names, that the files of folders import."""
    modules = {
        module
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not any(path.is_relative_to(ROOT / place) for place in but)
        for module in imports(path, inside_functions)
    }
    foreign = modules - set(sys.stdlib_module_names) - OWN
    return {distribution_of(module) for module in foreign}


@cache
def distributions() -> Mapping[str, list[str]]:
    """Which distributions hold a module."""
    return packages_distributions()


def distribution_of(module: str) -> str:
    """The name under which pip knows a module."""
    return normal(distributions().get(module, [module])[0])


def normal(name: str) -> str:
    """A distribution's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def required(metadata: ProjectMetadata, *extras: str) -> set[str]:
    """Distributions that the project or an extra of it asks for."""
    listed = [
        line for extra in extras for line in metadata.core.optional_dependencies[extra]
    ] or metadata.core.dependencies
    return {normal(Requirement(line).name) for line in listed} - {"lexiseg"}


def user_extras(metadata: ProjectMetadata) -> list[str]:
    return [name for name in metadata.core.optional_dependencies if name not in FOR_PEOPLE]


def test_what_is_required_is_imported_and_what_is_imported_is_required(
    metadata: ProjectMetadata,
) -> None:
    """Extras are imported where they are needed, never when a module loads."""
    at_once = used("src", inside_functions=False, but=ROOMS_OF_EXTRAS)
    assert at_once <= required(metadata)
    extras = required(metadata, *user_extras(metadata))
    assert used("src") | PLUGINS.keys() & extras == required(metadata) | extras


def test_the_tests_require_what_they_import(metadata: ProjectMetadata) -> None:
    of_users = required(metadata) | required(metadata, *user_extras(metadata))
    of_tests = required(metadata, "test") - of_users
    imported = used("tests", "benchmarks", "scripts")
    assert imported <= of_users | of_tests | required(metadata, "docs", "mutation", "programs")
    assert of_tests - PLUGINS.keys() <= imported


def test_the_extra_of_the_tests_holds_those_of_the_users(metadata: ProjectMetadata) -> None:
    assert required(metadata, *user_extras(metadata)) - required(metadata, "test") == TRIED_APART


def test_errors_and_the_doctor_name_extras_that_exist(metadata: ProjectMetadata) -> None:
    pattern = re.compile(r'MissingExtraError\([^)]*?"([a-z0-9-]+)"\)|lexiseg\[([a-z0-9-]+)\]')
    named = {
        match[1] or match[2]
        for path in (ROOT / "src").rglob("*.py")
        for match in pattern.finditer(path.read_text("utf-8"))
    }
    assert named == set(user_extras(metadata)) == set(EXTRAS)
    for extra, package in EXTRAS.items():
        assert package in required(metadata, extra)


def test_every_licence_is_in_the_metadata(metadata: ProjectMetadata) -> None:
    fonts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("OFL*")}
    assert fonts and {"LICENSE", *fonts} == set(metadata.core.license_files)
    assert metadata.core.license_expression == "Apache-2.0 AND OFL-1.1"


def test_links_of_the_readme_lead_somewhere_in_the_repository() -> None:
    links = LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    here = [link for link in links if not link.startswith("http")]
    assert here and [link for link in here if not (ROOT / link.split("#")[0]).exists()] == []


def test_links_of_the_readme_are_absolute_on_a_package_index(metadata: ProjectMetadata) -> None:
    links = LINK.findall(metadata.core.readme)
    assert links and [link for link in links if not link.startswith("https://")] == []


def test_pictures_of_the_readme_are_small() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", readme)
    assert pictures and max((ROOT / name).stat().st_size for name in pictures) < 500_000


def test_the_citation_is_of_this_version(metadata: ProjectMetadata) -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == metadata.version
    assert citation["title"] == metadata.core.name
