"""Which tests may run in processes beside each other: see .ci/run."""

import pytest


def pytest_collection_modifyitems(items):
    """The tests of a file stay in one process, which starts their server or loads their model once.
    Those at a virtual microphone are in one process all: its sound plays in real time."""
    for item in items:
        alike = "microphone" if "virtual" in item.fixturenames else item.path.name
        item.add_marker(pytest.mark.xdist_group(f"{item.path.parent.name}/{alike}"))
