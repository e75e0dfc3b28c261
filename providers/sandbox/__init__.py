"""A sandbox that speaks OpenAI's, Together's and Bedrock's wire on loopback, with models that really learn.

Stock clients run against it unchanged. Nothing here knows an adapter, and nothing here is an account with anybody.
"""

from __future__ import annotations

from .application import app
from .clock import Clock
from .faults import FAULTS, Fault, Faults
from .server import RunningSandbox, run, serve
from .world import Sandbox

__all__ = ["FAULTS", "Clock", "Fault", "Faults", "RunningSandbox", "Sandbox", "app", "run", "serve"]
