#!/bin/sh
# RPC_PASSWORD   password of user bchrpc
# UPSTREAM       host:port:t of the one server to use; without it there is none
# SHAPE=pid1     the daemon is PID 1 (or the only child of an init)
# SHAPE=wrapper  the daemon is a child of this script, which stays when the daemon dies
set -eu

# `electrum setconfig` would take a second for each.
settings() {
  printf '{"config_version": 3, "rpchost": "0.0.0.0", "rpcport": 7777'
  printf ', "rpcuser": "bchrpc", "rpcpassword": "%s"' "$RPC_PASSWORD"
  if [ -n "${UPSTREAM:-}" ]; then printf ', "server": "%s", "oneserver": true' "$UPSTREAM"; fi
  printf '}\n'
}

if [ ! -f /data/regtest/wallets/default_wallet ]; then
  mkdir -p /data/regtest
  settings >/data/regtest/config
  electrum --regtest -D /data --offline create >/dev/null
fi

case "${SHAPE:-pid1}" in
  pid1) exec electrum --regtest -D /data daemon ;;
  wrapper) ;;
  *) echo "SHAPE must be pid1 or wrapper" >&2; exit 2 ;;
esac

trap 'exit 143' TERM INT
electrum --regtest -D /data daemon &
while :; do
  sleep 3600 &
  wait $!
done
