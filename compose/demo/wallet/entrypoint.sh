#!/bin/sh
# SHAPE=pid1     the daemon is PID 1 (or the only child of an init, with `init: true`)
# SHAPE=wrapper  the daemon is a child of this script, which stays when the daemon dies
# LIBRARY=pinned|newest  version of the RPC library, which differ in how they survive errors
set -eu
export PYTHONPATH="/opt/jsonrpclib/${LIBRARY:-pinned}"

# For the HEALTHCHECK, which takes a file.
if [ -z "${RPC_PASSWORD_FILE:-}" ]; then
  (umask 077 && printf '%s' "${RPC_PASSWORD:-}" >"$DATA_DIR/rpc_password")
fi

case "${SHAPE:-pid1}" in
  pid1) exec python /app/wallet.py daemon ;;
  wrapper) ;;
  *) echo "SHAPE must be pid1 or wrapper" >&2; exit 2 ;;
esac

trap 'exit 143' TERM INT
python /app/wallet.py daemon &
while :; do
  sleep 3600 &
  wait $!
done
