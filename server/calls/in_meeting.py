"""A telephone in a meeting: its seat, its keys, and what it is told."""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime
from typing import TYPE_CHECKING

from server.calls.line import HungUpError, Line
from server.calls.patience import is_away
from server.calls.prompts import ENTER, files, number, prompt
from server.calls.rules import Outcome
from server.errors import ConflictError, NotAllowedError, ProtocolError, UnavailableError
from server.meetings.line import MediaRefusedError
from server.meetings.service import telephone
from server.meetings.service.telephone import Found, Standing, Switched
from server.meetings.service.view import ParticipantView

if TYPE_CHECKING:
    from server.calls.exchange import Exchange

log = logging.getLogger("giaoban.calls")

LOOK_EVERY = 10.0  # s
COMMAND_SECONDS = 4.0  # from * to the key after it
_SWITCHED = {Switched.ON: "microphone_on", Switched.OFF: "microphone_off", Switched.NO_FLOOR: "no_floor"}


async def take_part(exchange: Exchange, line: Line, found: Found) -> None:
    """Sit down, and stay until the meeting, the chair or the caller ends it. Raises HungUpError, UnavailableError."""
    try:
        seat = await line.patient(lambda: exchange.store.write(telephone.enter_once, found, line.name, line.number))
    except NotAllowedError:
        line.outcome = Outcome.TAKEN_OUT
        await line.say("taken_out", "goodbye")
        return
    except ConflictError:
        line.outcome = Outcome.NO_MEETING
        await line.say("ended", "goodbye")
        return
    except HungUpError:
        at = exchange.ended_at(line)
        await exchange.owed.do(lambda: _rise_if_seated(exchange, line, found.meeting, at))
        raise
    line.meeting, line.participant = found.meeting, seat
    exchange.seated(line)
    try:
        await _sit_down(exchange, line)
        line.outcome = line.outcome or Outcome.MET
        await exchange.phones.announce(found.meeting, prompt(ENTER))
        await line.say("joined")
        await _stay(exchange, line)
    finally:
        exchange.rose(line)
        at = exchange.ended_at(line)
        await exchange.owed.do(lambda: _rise(exchange, found.meeting, seat, line.name, at))


async def _rise(exchange: Exchange, meeting: int, seat: int, call: str, at: datetime) -> None:
    await exchange.store.write(telephone.leave, seat, call, "telephone", at)
    await exchange.conductor.sync(meeting)


async def _rise_if_seated(exchange: Exchange, line: Line, meeting: int, at: datetime) -> None:
    """Who hung up while the database said nothing may have a seat all the same."""
    await line.settled()
    if await exchange.store.write(telephone.leave_whatever, meeting, line.name, at):
        await exchange.conductor.sync(meeting)


async def _sit_down(exchange: Exchange, line: Line) -> None:
    try:
        await exchange.through_nodes(line, lambda: _sit(exchange, line))
    except (UnavailableError, ProtocolError) as error:
        if line.ending is not None:
            raise HungUpError from error
        line.outcome = line.outcome or Outcome.NO_NODE
        line.keys.clear()
        with contextlib.suppress(UnavailableError):  # there may be no node to say it
            await line.say("busy", "goodbye")
        raise


async def _sit(exchange: Exchange, line: Line) -> None:
    """Be the participant at the node of the meeting, wherever that is by now."""
    meeting, seat = line.meeting, line.participant
    if meeting is None or seat is None:
        raise HungUpError
    try:
        await line.patient(lambda: exchange.conductor.alignment.ensure(meeting))
    except MediaRefusedError as error:
        raise UnavailableError("media_away", str(error)) from error
    if line.lost or not exchange.phones.is_where(line.name, meeting):
        await line.move(meeting, exchange.now)
    await exchange.phones.seat(line.name, meeting, seat)
    await exchange.conductor.sync(meeting)


async def _stay(exchange: Exchange, line: Line) -> None:
    stays = True
    while stays:
        if line.lost:
            await _again(exchange, line)
        try:
            stays = await _go_on(exchange, line)
        except UnavailableError as error:
            if not (line.lost or is_away(error)):
                raise
            log.warning("call %s goes on: %s", line.name, error)


async def _go_on(exchange: Exchange, line: Line) -> bool:
    """Wait for the next thing that happens, and do it; False: it was the end."""
    told_anew = lambda: bool(line.keys) or line.lost or line.over or line.view is not line.seen  # noqa: E731
    if not await line.until(told_anew, LOOK_EVERY):
        await _look(exchange, line)
    if line.lost:
        return True
    before, after = line.seen, line.view
    if line.over:
        await line.say("ended", "goodbye")
        return False
    if after is not before and after is not None:
        going = farewell(after, line.name)
        if going is not None:
            line.outcome = Outcome.TAKEN_OUT if after.removed else Outcome.MET
            line.keys.clear()
            await line.say(going, "goodbye")
            return False
        for words in told(before, after):
            await line.say(words)
    line.seen = after
    if line.keys and line.keys.popleft() == "*":
        await _command(exchange, line)
    return True


async def _look(exchange: Exchange, line: Line) -> None:
    """Read the seat: another control process may have changed it, whose changes are not told here."""
    now = await line.once(lambda: exchange.store.read(telephone.seat_view, line.participant or 0))
    if now != line.seen and line.view is line.seen:
        line.view = now


async def _again(exchange: Exchange, line: Line) -> None:
    """The node that carried the meeting is gone: go on at the next."""
    await exchange.pool_ready(line)
    await exchange.through_nodes(line, lambda: _sit(exchange, line))


def farewell(view: ParticipantView, call: str) -> str | None:
    """Why this call cannot stay in its seat; None when it can."""
    if view.removed:
        return "removed"
    if not view.present:
        return "ended"
    if view.session != call or not view.phone:
        return "elsewhere"
    return None


def told(before: ParticipantView | None, after: ParticipantView) -> list[str]:
    """What has changed for the caller that no key of theirs has done."""
    if before is None:
        return ["floor_given"] if after.floor else []
    if after.floor and not before.floor:
        return ["floor_given"]
    if before.floor and not after.floor:
        return ["floor_ended"] if before.microphone and not after.microphone else []
    if after.muted and not before.muted and before.microphone:
        return ["muted"]
    return []


async def _command(exchange: Exchange, line: Line) -> None:
    """The key after a *; any other does nothing, so that nobody is disturbed by a cheek on the keypad."""
    key = await line.key(COMMAND_SECONDS)
    if key is None or line.participant is None or line.meeting is None:
        return
    try:
        await _do(exchange, line, key, line.meeting, line.participant)
    except UnavailableError as error:
        if not is_away(error):
            raise
        log.warning("call %s, key %s: %s", line.name, key, error)
        await line.say("not_now")  # not done again by us: whether it was done is not known, and most keys turn it back


async def _do(exchange: Exchange, line: Line, key: str, meeting: int, seat: int) -> None:
    store = exchange.store
    match key:
        case "9":
            up = await line.once(lambda: store.write(telephone.turn_hand, seat, line.name))
            await line.say("hand_up" if up else "hand_down")
        case "6":
            switched = await line.once(lambda: store.write(telephone.turn_microphone, seat, line.name))
            await exchange.conductor.sync(meeting)
            await line.say(_SWITCHED[switched] if switched else "ended")
        case "3":
            heard = exchange.loudest(meeting)
            standing = await line.once(lambda: store.read(telephone.standing, meeting, heard))
            await line.play(await spoken(exchange, standing))
        case "0":
            there = await line.once(lambda: store.write(telephone.call_secretary, seat, line.name))
            await line.say("secretary_called" if there else "secretary_away" if there is False else "ended")
        case _:
            await line.say("unknown_key")


async def spoken(exchange: Exchange, now: Standing) -> list[str]:
    """Who speaks and on which item; without a voice on this server, as much as there are prompts for."""
    said: list[str | None] = []
    if now.speaker is None:
        said.append(prompt("nobody_speaks"))
    else:
        name = await exchange.voice.speak(now.speaker)
        said += [prompt("speaking"), name] if name else [prompt("somebody_speaks")]
    if now.item is None:
        said.append(prompt("no_agenda_item"))
    else:
        said += [prompt("agenda_item"), *number(now.item), await exchange.voice.speak(now.title)]
    return files(said)
