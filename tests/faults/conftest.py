"""All stages done once with a tiny model, to be killed, stopped and damaged."""

from __future__ import annotations

import pytest

from tests.faults.kill_runs import Stages


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, document_folder) -> Stages:
    stages = Stages(tmp_path_factory.mktemp("stages"), str(document_folder))
    stages.run_undisturbed()
    return stages
