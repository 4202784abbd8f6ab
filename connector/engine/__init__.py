"""Runs insight SQL, the same text on either engine: `duck`, embedded, or `spark`, for what outgrew one machine.

The mirror's path and the engine's settings come in; tables, numpy columns and files of results leave, which `saved`
reads. Next room: `steps.enrich`.
"""

from connector.engine.duck import DuckEngine
from connector.engine.keeping import KeepingEngine, Outdated
from connector.engine.saved import add, batches, query
from connector.engine.spark import SparkEngine

__all__ = ["DuckEngine", "KeepingEngine", "Outdated", "SparkEngine", "add", "batches", "query"]
