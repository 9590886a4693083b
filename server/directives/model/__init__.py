"""Tables of directives."""

from __future__ import annotations

from server.directives.model.documents import (
    attachment_table,
    command_table,
    counter_table,
    delivery_table,
    directive_table,
    directive_words,
    edxml_table,
    edxml_words,
    gap_table,
    recipient_table,
    returned_table,
)
from server.directives.model.handling import (
    addressee_table,
    alarm_table,
    assignment_table,
    change_table,
    extension_table,
    handover_aside_table,
    handover_table,
    holder_table,
    response_table,
    set_aside_table,
    spoken_table,
    sweep_table,
    turn_table,
)

__all__ = [
    "addressee_table",
    "alarm_table",
    "assignment_table",
    "attachment_table",
    "change_table",
    "command_table",
    "counter_table",
    "delivery_table",
    "directive_table",
    "directive_words",
    "edxml_table",
    "edxml_words",
    "extension_table",
    "gap_table",
    "handover_aside_table",
    "handover_table",
    "holder_table",
    "recipient_table",
    "response_table",
    "returned_table",
    "set_aside_table",
    "spoken_table",
    "sweep_table",
    "turn_table",
]
