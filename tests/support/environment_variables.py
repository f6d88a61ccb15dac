"""Environment variables of the configuration, each with a value."""

EVERY_VARIABLE = {
    "ELECTRON_CASH_URL": "http://10.0.0.7:7777/",
    "ELECTRON_CASH_USER": "bchrpc",
    "ELECTRON_CASH_PASSWORD": "hunter2",
    "ELECTRON_CASH_TARGET": "wallet",
    "ELECTRON_CASH_WALLET_PASSWORD": "open sesame",
    "BCH_SERVICE_URL": "http://10.0.0.8:8080/health",
    "BCH_SERVICE_TARGET": "payments",
    "SIDECAR_CONFIG": "",
    "SIDECAR_MODE": "observe",
    "SIDECAR_ENGINE": "docker",
    "SIDECAR_STACK": "oratio",
    "SIDECAR_HOST_NAME": "pay-1",
    "SIDECAR_LISTEN": "127.0.0.1:1234",
    "SIDECAR_STATE_DIR": "/srv/state",
    "SIDECAR_API_TOKEN": "t0ken",
    "SIDECAR_LOG_LEVEL": "debug",
    "SIDECAR_LOG_FORMAT": "text",
    "SIDECAR_LANGUAGE": "ko",
    "SIDECAR_PAGE": "public",
    "SIDECAR_WATCH_LABEL": "autoheal",
}
