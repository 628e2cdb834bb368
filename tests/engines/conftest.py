"""The real engines, started once for the suite; each test has a corner of its own in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from services.common.ids import new_id
from tests.contract.conftest import voices  # noqa: F401 - the same voices as in the contract of the embedded engine
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.triton import Triton


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    with PostgreSQL(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with Kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def elasticsearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    with Elasticsearch(tmp_path_factory.mktemp("elasticsearch")) as server:
        yield server


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    with Triton(tmp_path_factory.mktemp("triton")) as server:
        yield server


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> str:
    """A database of its own; the role is the superuser."""
    url = make_url(postgresql.admin_url)
    name = f"test_{new_id().lower()}"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{name}"')
    server.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def events_url(kafka: Kafka) -> str:
    return f"kafka://127.0.0.1:{kafka.port}/test-{new_id()}?partitions=2"


@pytest.fixture
def objects_url(seaweedfs: SeaweedFS) -> str:
    return f"{seaweedfs.url}/test-{new_id()}"


@pytest.fixture
def search_url(elasticsearch: Elasticsearch) -> str:
    return f"{elasticsearch.url}/test-{new_id()}"
