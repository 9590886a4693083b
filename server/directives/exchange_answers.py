"""What the sender of a document that came as edXML is answered: refused, its recall agreed to or not; API and pages."""

from __future__ import annotations

from aiohttp import web

from server.accounts.permissions import Permission
from server.directives import service
from server.directives.keys import POLICY
from server.directives.pages import show_directive
from server.directives.shapes import EdxmlAnswered, RecallAnswer, ReturnInput
from server.errors import ConflictError, UserError
from server.http import STORE, Route, json_reply, principal, read_body, see_other
from server.http.reading import path_id


async def refuse(request: web.Request) -> web.Response:
    """Refuse a document that came as edXML and is not registered."""
    return json_reply(await _refuse(request))


async def answer_recall(request: web.Request) -> web.Response:
    """Agree to its sender's recall (this unit has destroyed its copy), or refuse with a reason."""
    data = await read_body(request, RecallAnswer)
    done = await request.app[STORE].write(service.answer_edxml_recall, principal(request), path_id(request), data)
    return json_reply(done)


async def post_refuse(request: web.Request) -> web.Response:
    """From the draft's page."""
    return _to(await _refuse(request))


async def _refuse(request: web.Request) -> EdxmlAnswered:
    data = await read_body(request, ReturnInput)
    return await request.app[STORE].write(service.refuse_edxml, principal(request), path_id(request), data)


async def post_answer(request: web.Request) -> web.Response:
    """From the page of what was made of it; a refusal without a reason is said there."""
    data, who, store = await read_body(request, RecallAnswer), principal(request), request.app[STORE]
    try:
        done = await store.write(service.answer_edxml_recall, who, path_id(request), data)
    except ConflictError:
        raise
    except UserError as error:
        directive = await store.read(service.draft_of_edxml, who, path_id(request))
        if directive is None:
            raise
        opened = await store.read(service.open_directive, who, request.app[POLICY], directive)
        return await show_directive(request, opened, error, data.note)
    return _to(done)


def _to(done: EdxmlAnswered) -> web.Response:
    return see_other(f"/directives/{done.directive}" if done.directive else "/registers?register=in")


_CAME, _REGISTER = "/edxml/{id:\\d+}", Permission.REGISTER_DELIVERY
ROUTES = [
    Route("POST", f"/api/v1{_CAME}/refuse", refuse, _REGISTER, body=ReturnInput, answer=EdxmlAnswered),
    Route("POST", f"/api/v1{_CAME}/recall-answer", answer_recall, _REGISTER, body=RecallAnswer, answer=EdxmlAnswered),
    Route("POST", f"{_CAME}/refuse", post_refuse, _REGISTER),
    Route("POST", f"{_CAME}/recall-answer", post_answer, _REGISTER),
]
