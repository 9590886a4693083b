"""The media node: packets, rooms, participants, slots and files; it knows nothing of units, accounts or SQL.

To read it in an hour, follow a packet, then what decides about it. An hour is enough for the modules marked with *;
the others are looked up.

process    *node → control (its socket), *protocol (what is said there: terms, statistics; protocol_calls: of
           telephones), commands and calls (what is done then; refusal), figures, telling
wire       formats alone: *rtp, rtcp, rtcp_build, twcc, vp8, vp9 (screens), opus
transport  *udp (mmsg: the system calls of many datagrams), intake → *paths (whose?) → ice, dtls, policing; volley (one
           message to many, on its way out)
joining    bounds, *negotiation, sdp, sdp_section, sdp_answer; then there is a *participant
inward     *switch → *uplink (crowding: a way here that is too thin) → *source, asking (for what was lost), reception,
           clocks; RTCP both ways: *feedback
outward    *room (sides: with whom it deals) → *forward → runs, *slots, downlink; sender (one by one), audience and
           ledger (for many alike), retransmission; pacing (where a link is thin), overload
bandwidth  what a link carries: *estimator, of delay, loss and what arrives
allocation *pictures → layers (ways to show one), *allocator (what it gets of a link), ladder (in which word to say
           so), dynacast (what senders should send), view (what all of that is for one subscriber)
voices     *speakers (who is heard), voices (at which rate), red (with how many copies)
phone      telephones: lines (their commands), conference (those of one room), *bridge and leg (their sound in and out,
           at the beat of metronome), inband (keys that are sound), dictation (what is said as an answer)
recording  programme (what one screen should show, and sinks get), *recordings → recorder → segment → frames,
           translator (VP9 to VP8), webm, *mixer, timeline, journal
"""
