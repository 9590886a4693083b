"""Use cases of reaching people; other features call these, never the tables."""

from server.reach.service.contacts import (
    MyContact,
    Reachability,
    change_channels,
    confirm,
    drop,
    enter,
    reachability,
)
from server.reach.service.outbox import Telling, addressed, anybody, put, stop, told
from server.reach.service.sending import Letter, PushKeys, claim, retire, settle, something_due
from server.reach.service.subscriptions import Keys, NewSubscription, devices, forget_device, subscribe
from server.reach.service.tending import DeadLetter, Tally, dead_letters, give_up, how_many_dead, send_again, tallies

__all__ = [
    "DeadLetter",
    "Keys",
    "Letter",
    "MyContact",
    "NewSubscription",
    "PushKeys",
    "Reachability",
    "Tally",
    "Telling",
    "addressed",
    "anybody",
    "change_channels",
    "claim",
    "confirm",
    "dead_letters",
    "devices",
    "drop",
    "enter",
    "forget_device",
    "give_up",
    "how_many_dead",
    "put",
    "reachability",
    "retire",
    "send_again",
    "settle",
    "something_due",
    "stop",
    "subscribe",
    "tallies",
    "told",
]
