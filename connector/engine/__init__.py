"""Runs insight SQL, the same text on either engine: `duck`, embedded, or `spark`, for what outgrew one machine.

The mirror's path and the engine's settings come in; tables and numpy columns leave. Next room: `steps.enrich`.
"""

from connector.engine.duck import EXPOSED, DuckEngine
from connector.engine.spark import SparkEngine

__all__ = ["EXPOSED", "DuckEngine", "SparkEngine"]
