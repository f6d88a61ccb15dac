"""The verb of each action, as lines of the log begin with it."""

from collections.abc import Mapping
from types import MappingProxyType

from sidecar.core.model.decision import Action

VERBS: Mapping[Action, str] = MappingProxyType(
    {
        Action.START: "starting it",
        Action.DRAIN: "draining it before its restart",
        Action.RESTART: "restarting it",
        Action.RECREATE: "recreating its container",
        Action.LOAD_WALLET: "loading its wallet",
        Action.STOP: "stopping it again",
        Action.LOOK: "looking into it",
        Action.HOLD: "holding",
        Action.PAGE: "a person is needed",
        Action.SKIP: "skipping",
    }
)
