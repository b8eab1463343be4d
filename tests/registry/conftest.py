"""A repository with one version of one model."""

import pytest
from tiny_models import publish_tiny


@pytest.fixture
def root(tmp_path):
    publish_tiny(tmp_path)
    return tmp_path


@pytest.fixture
def folder(root):
    return root / "tiny" / "1"
