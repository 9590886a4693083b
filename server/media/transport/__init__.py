"""The way in: one UDP port, whose datagram it is, ICE, DTLS with SRTP, and who sends too much."""
