"""Credentials of channels, in the form in which each service issues them."""

TELEGRAM_TOKEN = "123456789:abcdefg_hijklmnop"
NTFY_TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
NTFY_TOPIC = "pay-1_hushed-sesame"
ROUTING_KEY = "R0123456789abcdef0123456789ABCDE"
