"""The demo model, converted by the program that the wheel brings along."""

import os
import pathlib

import pytest

import jamba_edge


@pytest.fixture(scope="session")
def repository() -> pathlib.Path:
    """The checkout, for its data alone: the package under test is installed elsewhere."""
    return pathlib.Path(os.environ["JAMBA_REPOSITORY"])


@pytest.fixture(scope="session")
def demo(repository, tmp_path_factory) -> str:
    """The demo model in int4."""
    path = tmp_path_factory.mktemp("models") / "demo.jamba"
    jamba_edge.convert(repository / "models/demo", path, type="int4")
    return str(path)


@pytest.fixture(scope="session")
def exact(repository, tmp_path_factory) -> str:
    """The demo model as it was trained, in bf16."""
    path = tmp_path_factory.mktemp("models") / "demo-bf16.jamba"
    jamba_edge.convert(repository / "models/demo", path, type="bf16")
    return str(path)


@pytest.fixture(scope="session")
def model(demo):
    with jamba_edge.Model.open(demo) as model:
        yield model


@pytest.fixture
def session(model):
    with model.session() as session:
        yield session
