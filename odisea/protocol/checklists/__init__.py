"""Checklists of reporting standards, and which of their items a protocol answers."""

from odisea.protocol.checklists.ademp import plan_path, read_plan
from odisea.protocol.checklists.checklist import Checklist, Row, read_checklists
from odisea.protocol.checklists.matrix import Entry, Judged, Matrix, matrix
from odisea.protocol.checklists.shown import as_json

__all__ = ["Checklist", "Entry", "Judged", "Matrix", "Row", "as_json", "matrix", "plan_path", "read_checklists", "read_plan"]
