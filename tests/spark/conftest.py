"""What the tests of Spark share: a session's address, for Sail without Java or for Spark's own local master.

They run in environments of their own, .venv-sail and .venv-spark (make test-sail, make test-spark): pyspark-client and
pyspark ship the same package, and .venv has neither.
"""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

SAIL = find_spec("pysail") is not None
if find_spec("pyspark") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def where() -> Iterator[dict[str, str]]:
    """Where Spark is, as SparkEngine takes it."""
    if not SAIL:
        yield {"master": "local[2]"}
        return
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    yield {"remote": f"sc://127.0.0.1:{port}"}
    server.stop()
