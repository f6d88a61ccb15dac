"""Credentials of channels, in the form in which each service issues them."""

TELEGRAM_TOKEN = "123456789:abcdefg_hijklmnop"
