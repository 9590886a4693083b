"""A telephone in a meeting: its seat, its keys, and what it is told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from server.calls.line import HungUpError, Line
from server.calls.prompts import ENTER, files, number, prompt
from server.calls.rules import Outcome
from server.errors import ConflictError, NotAllowedError, UnavailableError
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
        seat = await exchange.store.write(telephone.enter, found, line.name, line.number)
    except NotAllowedError:
        line.outcome = Outcome.TAKEN_OUT
        await line.say("taken_out", "goodbye")
        return
    except ConflictError:
        line.outcome = Outcome.NO_MEETING
        await line.say("ended", "goodbye")
        return
    line.meeting, line.participant, line.outcome = found.meeting, seat, Outcome.MET
    exchange.seated(line)
    try:
        await _sit(exchange, line)
        await exchange.phones.announce(found.meeting, prompt(ENTER))
        await line.say("joined")
        await _stay(exchange, line)
    finally:
        exchange.rose(line)
        await exchange.store.write(telephone.leave, seat, line.name, "telephone")
        await exchange.conductor.sync(found.meeting)


async def _sit(exchange: Exchange, line: Line) -> None:
    """Be the participant at the node of the meeting, wherever that is by now."""
    meeting, seat = line.meeting, line.participant
    if meeting is None or seat is None:
        raise HungUpError
    try:
        await exchange.conductor.alignment.ensure(meeting)
    except MediaRefusedError as error:
        raise UnavailableError("media_away", str(error)) from error
    if line.lost or not exchange.phones.is_where(line.name, meeting):
        await line.move(meeting, exchange.now)
    await exchange.phones.seat(line.name, meeting, seat)
    await exchange.conductor.sync(meeting)


async def _stay(exchange: Exchange, line: Line) -> None:
    while True:
        told_anew = lambda: bool(line.keys) or line.lost or line.over or line.view is not line.seen  # noqa: E731
        if not await line.until(told_anew, LOOK_EVERY):
            await _look(exchange, line)
        if line.lost:
            await _again(exchange, line)
        before, after = line.seen, line.view
        line.seen = after
        if line.over:
            await line.say("ended", "goodbye")
            return
        if after is not before and after is not None:
            going = farewell(after, line.name)
            if going is not None:
                line.outcome = Outcome.TAKEN_OUT if after.removed else Outcome.MET
                line.keys.clear()
                await line.say(going, "goodbye")
                return
            for words in told(before, after):
                await line.say(words)
        if line.keys:
            await _command(exchange, line)


async def _look(exchange: Exchange, line: Line) -> None:
    """Read the seat: another control process may have changed it, whose changes are not told here."""
    now = await exchange.store.read(telephone.seat_view, line.participant or 0)
    if now != line.seen and line.view is line.seen:
        line.view = now


async def _again(exchange: Exchange, line: Line) -> None:
    """The node that carried the meeting is gone: go on at the next."""
    await exchange.pool_ready(line)
    await _sit(exchange, line)


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
    """A * and a key; any other key does nothing, so that nobody is disturbed by a cheek on the keypad."""
    if line.keys.popleft() != "*":
        return
    key = await line.key(COMMAND_SECONDS)
    if key is None or line.participant is None or line.meeting is None:
        return
    store, seat = exchange.store, line.participant
    match key:
        case "9":
            up = await store.write(telephone.turn_hand, seat, line.name)
            await line.say("hand_up" if up else "hand_down")
        case "6":
            switched = await store.write(telephone.turn_microphone, seat, line.name)
            await exchange.conductor.sync(line.meeting)
            await line.say(_SWITCHED[switched] if switched else "ended")
        case "3":
            heard = exchange.loudest(line.meeting)
            await line.play(await spoken(exchange, await store.read(telephone.standing, line.meeting, heard)))
        case "0":
            there = await store.write(telephone.call_secretary, seat, line.name)
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
