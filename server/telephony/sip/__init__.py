"""The Session Initiation Protocol (RFC 3261), bottom to top: one file for each of its layers.

`grammar` and `uri` read values, `headers` the header fields that we use, `message` whole messages, `framing` a stream.
`timers` is the clock of all that follows: `server_transactions`, `client_transactions`, `layer`, `dialog`, `agent`.
All of it is sans-IO; sockets live in `transports`.
"""
