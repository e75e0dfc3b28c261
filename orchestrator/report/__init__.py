"""A run as one self-contained HTML file and its JSON twin. Pure: it renders the `ReportView` that the client builds."""

from __future__ import annotations

from .files import ReportFiles, write, write_rows
from .page import render
from .twin import SCHEMA_VERSION, from_json, to_json
from .view import ReportView

__all__ = ["SCHEMA_VERSION", "ReportFiles", "ReportView", "from_json", "render", "to_json", "write", "write_rows"]
