"""States with private text wherever the state can hold some."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from sidecar.core.model.cause import Cause
from sidecar.core.model.container import Endpoint, RunId
from sidecar.core.model.decision import Action, Trigger
from sidecar.core.model.drill import Drill, DrillAct, DrillPhase
from sidecar.core.model.drill_fault import DrillFault
from sidecar.core.model.drill_settings import DrillObjective
from sidecar.core.model.drill_undo import CutNetwork, DrillUndo
from sidecar.core.model.incident import Incident
from sidecar.core.model.instance import CrashLoopLog, Instance, Redeploy, Refusal
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.message import MessageKind
from sidecar.core.model.notification_settings import (
    ChannelSettings,
    HookExec,
    HookSettings,
    NotifySettings,
)
from sidecar.core.model.probe_result import Balance, WalletFacts, probe_failure
from sidecar.core.model.probe_settings import Credentials, ElectronCashProbe
from sidecar.core.model.state import EngineStatus, SettingsStatus, State
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason
from tests.support.rule_world import EPOCH, RuleWorld

AMOUNT = Decimal("1234.56789012")


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value, at whatever depth."""
    if isinstance(value, str | Decimal):
        yield str(value)
    for part in parts_of(value):
        yield from texts_in(part)


def parts_of(value: object) -> Iterable[object]:
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, tuple | list | set | frozenset) else ()


def planted_state(world: RuleWorld, secret: str) -> State:
    """The world's state with private text wherever one can be."""
    quoting_reason = Reason.of(R.STATUS_SAYS, status=500, said=secret)
    refused = Reason.of(R.CONNECTION_REFUSED, place=f"{secret}:7777")
    state = world.state
    probe = ElectronCashProbe(
        f"http://{secret}/",
        credentials=Credentials(secret, secret),
        wallet_path=(secret,),
        wallet_password=secret,
        ca_file=secret,
    )
    targets = {
        name: replace(target, service=secret, container=secret, probes=(probe,))
        for name, target in state.targets.items()
    }
    instances = {
        key: plant_instance(instance, secret, quoting_reason, refused)
        for key, instance in state.instances.items()
    }
    return replace(
        state,
        targets=MappingProxyType(targets),
        instances=build_table(instances),
        restored_instances=MappingProxyType(instances),
        incidents=MappingProxyType(
            {
                key: plant_incident(i, secret, quoting_reason)
                for key, i in state.incidents.items()
            }
        ),
        engine=EngineStatus(
            reachable=True,
            reason=secret,
            since=world.now,
            listed_mono=world.now.mono,
            deaf=secret,
            other=secret,
        ),
        doubt=secret,
        drill=plant_drill(next(iter(instances.values())), secret, quoting_reason),
        settings=SettingsStatus(faults=secret, reported_faults=secret),
        notify=NotifySettings(
            channels=(ChannelSettings(secret, secret),),
            hooks=(
                HookSettings(MessageKind.OPENED, None, HookExec(secret, (secret,))),
            ),
            public_url=secret,
        ),
    )


def plant_instance(
    instance: Instance, secret: str, quoting_reason: Reason, refused: Reason
) -> Instance:
    container, now = instance.container, instance.since
    assert container is not None
    run = RunId(secret, EPOCH)
    wallet = WalletFacts(balance=Balance(AMOUNT), paths=(secret,))
    last = probe_failure(Cause.HTTP_5XX, quoting_reason, wallet=wallet)
    decision, remedy = instance.last_decision, instance.remedy
    return replace(
        instance,
        container=replace(
            container,
            id=secret,
            name=secret,
            stack=secret,
            service=secret,
            health_log=secret,
            labels={secret: secret},
            networks=frozenset({secret}),
            endpoints=(Endpoint(secret, (secret,), frozenset({secret}), secret),),
            network_mode=secret,
        ),
        health=replace(instance.health, last=replace(last, broke_on=secret)),
        reason=Reason.of(R.FAILURES, count=2, reason=refused),
        load_failure=quoting_reason,
        redeploy=Redeploy(secret, now),
        last_words=CrashLoopLog(0.0, secret),
        refusal=Refusal(Action.RESTART, 0.0, secret),
        balance=Balance(AMOUNT),
        unmatched=Balance(AMOUNT),
        wallets=(secret,),
        looked=run,
        treated=run,
        last_decision=None
        if decision is None
        else replace(decision, reason=quoting_reason),
        remedy=None
        if remedy is None
        else replace(
            remedy,
            note=quoting_reason,
            balance=Balance(AMOUNT),
            decision=replace(
                remedy.decision, reason=quoting_reason, wallets=(secret,), run=run
            ),
        ),
    )


def plant_drill(instance: Instance, secret: str, quoting_reason: Reason) -> Drill:
    began = instance.since
    return Drill(
        "drill",
        instance.id,
        instance.name,
        DrillFault.HANG,
        Trigger.OPERATOR,
        DrillObjective(),
        began,
        DrillPhase.WATCHING,
        began,
        undo=DrillUndo(
            RunId(secret, EPOCH), secret, (CutNetwork(secret, secret, secret),)
        ),
        acts=(DrillAct(EPOCH, secret, Action.RESTART, False, quoting_reason),),
        others=(secret,),
        problem=quoting_reason,
        undo_problem=quoting_reason,
    )


def plant_incident(incident: Incident, secret: str, quoting_reason: Reason) -> Incident:
    return replace(
        incident,
        detail=quoting_reason,
        acked_by=secret,
        told=(secret,),
        acked_at=incident.opened_at,
    )
