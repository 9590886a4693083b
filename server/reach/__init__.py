"""Reaching people who look at no page: Web Push, e-mail, SMS and Zalo, from an outbox in the database."""
