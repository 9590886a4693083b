"""Use cases of directives; other features call these, never the tables."""

from server.directives.service.access import require_acting_in
from server.directives.service.alarms import acknowledge_alarms, my_alarms
from server.directives.service.answers import tallies
from server.directives.service.assign import assign, colleagues, start
from server.directives.service.assigned import may_answer
from server.directives.service.branches import Show, View, open_at_first
from server.directives.service.calling import (
    Confirmed,
    Reading,
    Standing,
    call_unit,
    clerk_wanted,
    confirm_by_phone,
    reading_of,
    replaced_by,
    standing_of,
)
from server.directives.service.carried import carried_on
from server.directives.service.checks import before_issue, check_before_issue, check_stored
from server.directives.service.deciding import Further, ToJudge, answers_to_judge, decisions, further_to_decide
from server.directives.service.drafts import attach, create_draft, delete_draft, detach, edit_draft, reachable
from server.directives.service.edxml_answer import answer_edxml_recall, refuse_edxml
from server.directives.service.edxml_in import check_open, take_edxml
from server.directives.service.edxml_out import edxml_of
from server.directives.service.edxml_register import draft_of_edxml, original_of, register_edxml, status_of_edxml
from server.directives.service.edxml_status import status_of_delivery, status_of_ours
from server.directives.service.extensions import ask_extension, decide_extension
from server.directives.service.hand_back import hand_back
from server.directives.service.handover import count_handovers_set_aside, hand_over
from server.directives.service.issue import create_and_issue, issue, submit
from server.directives.service.late_lists import late, late_page
from server.directives.service.numbers import declare_gap, gaps_of
from server.directives.service.outbox import drafts, issued, outbox, waiting
from server.directives.service.overview import Tile, Worst, overview
from server.directives.service.posts import add_turn, drop_turn, name_holders, posts_of
from server.directives.service.pressing import press
from server.directives.service.problems import DraftError, schedule_problem
from server.directives.service.reading import (
    download,
    may_watch_board,
    open_delivery,
    open_directive,
    place_of_file,
)
from server.directives.service.receive import arrived, questions_to_us, register, report, return_delivery, see
from server.directives.service.received import due_first, inbox, unread
from server.directives.service.registers import register_lines, register_page
from server.directives.service.relations import chain, number_texts
from server.directives.service.review import accept, send_back
from server.directives.service.scheduling import before_schedule, issue_due, schedule, take_back
from server.directives.service.signature import capacities
from server.directives.service.spoken import (
    begin_spoken,
    drop_spoken,
    keep_spoken,
    send_spoken,
    spoken_file,
    unfinished_spoken,
    why_kept,
)
from server.directives.service.sweeping import count_set_aside, reschedule, sweep
from server.directives.service.today import unit_day
from server.directives.service.withdraw import answer_recall, given_up, recall, waive

__all__ = [
    "Confirmed",
    "DraftError",
    "Further",
    "Reading",
    "Show",
    "Standing",
    "Tile",
    "ToJudge",
    "View",
    "Worst",
    "accept",
    "acknowledge_alarms",
    "add_turn",
    "answer_edxml_recall",
    "answer_recall",
    "answers_to_judge",
    "arrived",
    "ask_extension",
    "assign",
    "attach",
    "before_issue",
    "before_schedule",
    "begin_spoken",
    "call_unit",
    "capacities",
    "carried_on",
    "chain",
    "check_before_issue",
    "check_open",
    "check_stored",
    "clerk_wanted",
    "colleagues",
    "confirm_by_phone",
    "count_handovers_set_aside",
    "count_set_aside",
    "create_and_issue",
    "create_draft",
    "decide_extension",
    "decisions",
    "declare_gap",
    "delete_draft",
    "detach",
    "download",
    "draft_of_edxml",
    "drafts",
    "drop_spoken",
    "drop_turn",
    "due_first",
    "edit_draft",
    "edxml_of",
    "further_to_decide",
    "gaps_of",
    "given_up",
    "hand_back",
    "hand_over",
    "inbox",
    "issue",
    "issue_due",
    "issued",
    "keep_spoken",
    "late",
    "late_page",
    "may_answer",
    "may_watch_board",
    "my_alarms",
    "name_holders",
    "number_texts",
    "open_at_first",
    "open_delivery",
    "open_directive",
    "original_of",
    "outbox",
    "overview",
    "place_of_file",
    "posts_of",
    "press",
    "questions_to_us",
    "reachable",
    "reading_of",
    "recall",
    "refuse_edxml",
    "register",
    "register_edxml",
    "register_lines",
    "register_page",
    "replaced_by",
    "report",
    "require_acting_in",
    "reschedule",
    "return_delivery",
    "schedule",
    "schedule_problem",
    "see",
    "send_back",
    "send_spoken",
    "spoken_file",
    "standing_of",
    "start",
    "status_of_delivery",
    "status_of_edxml",
    "status_of_ours",
    "submit",
    "sweep",
    "take_back",
    "take_edxml",
    "tallies",
    "unfinished_spoken",
    "unit_day",
    "unread",
    "waiting",
    "waive",
    "why_kept",
]
