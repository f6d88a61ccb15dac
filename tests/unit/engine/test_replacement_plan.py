"""The plan of an equal container, from inspects of real containers made by compose."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sidecar.core.reason.code import ReasonCode as R
from sidecar.engine.replacement_obstacles import (
    Surroundings,
    find_obstacles,
    own_files,
)
from sidecar.engine.replacement_plan import differences, plan_container
from sidecar.engine.replacement_types import (
    Change,
    ImageNames,
    ListedHost,
    Neighbour,
)
from tests.support.repository import REPOSITORY

Json = dict[str, Any]
SAMPLES = REPOSITORY / "tests" / "data" / "replacements"
RECREATED = ("app", "plain", "hostnet", "shares", "bridge")


def sample(name: str) -> Json:
    raw: Json = json.loads((SAMPLES / f"{name}.json").read_text())
    return raw


def body_of(name: str) -> Json:
    body: Json = json.loads(plan_container(sample(name), ()).body)
    return body


def around(raw: Json, **changes: Any) -> Surroundings:  # noqa: ANN401 - any field
    """Surroundings in which nothing is in the way."""
    image = ImageNames(raw["Image"], [raw["Config"]["Image"]])
    return Surroundings(image, (), (), (), None)._replace(**changes)


def codes(raw: Json, **changes: Any) -> list[R]:  # noqa: ANN401 - any field
    return [reason.code for reason in find_obstacles(raw, around(raw, **changes))]


# --- the plan


def test_settings_are_passed_on_as_the_engine_gives_them() -> None:
    raw, body = sample("app"), body_of("app")
    assert body["HostConfig"] == raw["HostConfig"]
    assert {k: v for k, v in body.items() if k in raw["Config"]} == raw["Config"]
    assert body["Labels"]["com.docker.compose.config-hash"]


def test_name_is_kept() -> None:
    assert plan_container(sample("app"), ()).name == "shop-app-1"


def test_first_network_is_the_original_one_and_others_follow() -> None:
    plan = plan_container(sample("app"), ())
    endpoints = json.loads(plan.body)["NetworkingConfig"]["EndpointsConfig"]
    assert list(endpoints) == [sample("app")["HostConfig"]["NetworkMode"]]
    ((name, settings),) = plan.networks
    assert name == "shop_front"
    assert json.loads(settings)["IPAMConfig"] == {"IPv4Address": "172.29.7.77"}
    assert json.loads(settings)["Aliases"] == ["shop-app-1", "app", "shop", "wallet"]


def test_network_that_is_given_by_its_id_is_the_first_one() -> None:
    """Compose gives the id of a network that it did not make (``external``)."""
    raw = sample("plain")
    endpoint = raw["NetworkSettings"]["Networks"]["shop_default"]
    endpoint["NetworkID"] = raw["HostConfig"]["NetworkMode"] = "ab" * 32
    assert codes(raw) == []
    plan = plan_container(raw, ())
    endpoints = json.loads(plan.body)["NetworkingConfig"]["EndpointsConfig"]
    assert (list(endpoints), plan.networks) == (["shop_default"], ())
    raw["HostConfig"]["NetworkMode"] = "cd" * 32
    assert codes(raw) == [R.LEFT_MAIN_NETWORK]


def test_alias_that_is_the_id_is_left_out() -> None:
    raw = sample("plain")
    endpoint = raw["NetworkSettings"]["Networks"]["shop_default"]
    endpoint["Aliases"] = ["shop", raw["Id"][:12]]
    body = json.loads(plan_container(raw, ()).body)
    settings = body["NetworkingConfig"]["EndpointsConfig"]["shop_default"]
    assert settings["Aliases"] == ["shop"]


def test_chosen_mac_address_is_kept_and_generated_one_is_not() -> None:
    endpoints = body_of("app")["NetworkingConfig"]["EndpointsConfig"]
    assert endpoints["shop_back"]["MacAddress"] == "02:42:ac:11:65:43"
    endpoints = body_of("plain")["NetworkingConfig"]["EndpointsConfig"]
    assert "MacAddress" not in endpoints["shop_default"]


def test_host_name_from_the_id_is_left_out_and_a_chosen_one_is_kept() -> None:
    assert sample("plain")["Config"]["Hostname"] == sample("plain")["Id"][:12]
    assert "Hostname" not in body_of("plain")
    assert body_of("app")["Hostname"] == "shop-host"


@pytest.mark.parametrize("name", ["hostnet", "shares"])
def test_container_on_another_network_has_no_endpoint_and_no_host_name(
    name: str,
) -> None:
    body = body_of(name)
    assert "NetworkingConfig" not in body
    assert "Hostname" not in body


def test_container_in_the_network_of_another_exposes_nothing() -> None:
    raw = sample("shares")
    raw["Config"]["ExposedPorts"] = {"80/tcp": {}}
    assert "ExposedPorts" not in json.loads(plan_container(raw, ()).body)


# --- comparison of the created one


@pytest.mark.parametrize("name", RECREATED)
def test_container_that_the_engine_made_of_the_plan_is_equal(name: str) -> None:
    assert list(differences(sample(name), sample(f"{name}-created"))) == []


def differences_after(change: Callable[[Json], object]) -> list[str]:
    created = sample("app-created")
    change(created)
    return list(differences(sample("app"), created))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda c: c["Config"].update(Env=["A=2"]), "Config.Env"),
        (lambda c: c["Config"].update(Hostname="x"), "Config.Hostname"),
        (lambda c: c["Config"]["Labels"].clear(), "Config.Labels"),
        (lambda c: c["HostConfig"].update(Memory=0), "HostConfig.Memory"),
        (lambda c: c["HostConfig"].update(NewKey="x"), "HostConfig.NewKey"),
        (lambda c: c["Mounts"][0].update(RW=not c["Mounts"][0]["RW"]), "Mounts"),
        (lambda c: c.update(Image="sha256:0"), "Image"),
        (
            lambda c: c["NetworkSettings"]["Networks"]["shop_front"].update(
                IPAMConfig=None
            ),
            "Networks.shop_front",
        ),
        (
            lambda c: c["NetworkSettings"]["Networks"]["shop_back"].update(
                Aliases=["app"]
            ),
            "Networks.shop_back",
        ),
    ],
)
def test_difference_is_named(change: Callable[[Json], object], name: str) -> None:
    assert differences_after(change) == [name]


def test_network_or_mount_that_is_missing_is_a_difference() -> None:
    assert differences_after(
        lambda c: c["NetworkSettings"]["Networks"].pop("shop_front")
    ) == ["Networks.shop_front"]
    assert differences_after(lambda c: c["Mounts"].pop()) == ["Mounts"]


def test_null_and_empty_are_equal() -> None:
    assert differences_after(lambda c: c["HostConfig"].update(CapAdd=[])) == []


# --- obstacles


@pytest.mark.parametrize("name", ["app", "plain", "hostnet", "shares", "bridge"])
def test_plain_container_has_no_obstacle(name: str) -> None:
    assert codes(sample(name)) == []


def changed_sample(change: Callable[[Json], object], name: str = "app") -> Json:
    raw = sample(name)
    change(raw)
    return raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (sample("linked"), R.HAS_LINKS),
        (sample("anon"), R.VOLUME_UNNAMED),
        (sample("borrower"), R.HAS_VOLUMES_FROM),
        (
            changed_sample(lambda r: r["HostConfig"].update(AutoRemove=True)),
            R.REMOVED_AT_STOP,
        ),
        (
            changed_sample(lambda r: r["HostConfig"].update(Links=["/db:/app/db"])),
            R.HAS_LINKS,
        ),
        (
            changed_sample(
                lambda r: r["Config"]["Labels"].pop("com.docker.compose.service")
            ),
            R.NOT_OF_COMPOSE,
        ),
        (
            changed_sample(lambda r: r["NetworkSettings"]["Networks"].pop("shop_back")),
            R.LEFT_MAIN_NETWORK,
        ),
    ],
    ids=("links", "anon", "volumes_from", "rm", "old_links", "service", "network"),
)
def test_container_that_cannot_be_made_again_has_its_obstacle(
    raw: Json, expected: R
) -> None:
    assert codes(raw) == [expected]


def test_named_volume_is_no_obstacle_even_if_its_name_looks_generated() -> None:
    raw = sample("anon")
    (mount,) = raw["Mounts"]
    raw["HostConfig"]["Binds"] = [f"{mount['Name']}:{mount['Destination']}:rw"]
    assert codes(raw) == []


DIGEST = f"sha256:{'d' * 64}"
IMAGE = ImageNames(
    f"sha256:{'1' * 64}",
    ["debian:local", "registry:5000/shop:1", "shop:latest"],
    [f"shop@{DIGEST}"],
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("debian:local", []),
        ("docker.io/library/debian:local", []),
        ("shop", []),
        ("registry:5000/shop:1", []),
        (f"shop@{DIGEST}", []),
        (f"shop:2@{DIGEST}", []),
        (IMAGE.id, []),
        ("registry:5000/shop", [R.IMAGE_IS_OTHER]),
        ("shop:2", [R.IMAGE_IS_OTHER]),
        (f"debian@{DIGEST}", [R.IMAGE_IS_OTHER]),
        (f"sha256:{'2' * 64}", [R.IMAGE_IS_OTHER]),
    ],
)
def test_image_must_still_have_its_name(name: str, expected: list[R]) -> None:
    raw = sample("app")
    raw["Config"]["Image"] = name
    assert codes(raw, image=IMAGE) == expected


def test_image_that_is_gone_is_an_obstacle() -> None:
    assert codes(sample("app"), image=None) == [R.IMAGE_GONE]


def neighbour(mode: str, container_id: str = "f" * 64) -> Neighbour:
    return Neighbour(container_id, ["/other-1"], ListedHost(mode))


def test_container_whose_network_another_uses_is_kept() -> None:
    raw = sample("app")
    user = neighbour(f"container:{raw['Id']}")
    (reason,) = find_obstacles(raw, around(raw, neighbours=[user]))
    assert (reason.code, reason.get("container")) == (R.USED_BY_OTHER, "other-1")


def test_neighbour_on_a_network_of_its_own_is_no_obstacle() -> None:
    raw = sample("app")
    assert codes(raw, neighbours=[neighbour("shop_back"), neighbour("host")]) == []


@pytest.mark.parametrize(
    ("name", "member"), [("app", "borrower"), ("plain", "pidmate")]
)
def test_container_whose_volumes_or_processes_another_uses_is_kept(
    name: str, member: str
) -> None:
    raw = sample(name)
    assert codes(raw, members=[raw, sample(member)]) == [R.USED_BY_OTHER]


@pytest.mark.parametrize("mode", ["PidMode", "IpcMode"])
def test_container_whose_processes_or_memory_another_shares_is_kept(mode: str) -> None:
    raw, other = sample("app"), sample("plain")
    other["HostConfig"][mode] = f"container:{raw['Id']}"
    assert codes(raw, members=[other]) == [R.USED_BY_OTHER]


def test_container_to_which_another_has_a_link_is_kept() -> None:
    raw, other = sample("app"), sample("plain")
    other["HostConfig"]["Links"] = ["/shop-app-1:/shop-plain-1/app"]
    assert codes(raw, members=[other]) == [R.USED_BY_OTHER]


# --- wallets


@pytest.mark.parametrize(
    ("wallets", "expected"),
    [
        (None, []),
        (("/data/wallets/default_wallet",), []),
        ((), [R.WALLET_PATH_UNKNOWN]),
        (("default_wallet",), [R.WALLET_PATH_UNKNOWN]),
        (("/root/.electron-cash/wallets/w",), [R.WALLET_IN_CONTAINER]),
        (("/data2/w",), [R.WALLET_IN_CONTAINER]),
        (("/data/w", "/home/w"), [R.WALLET_IN_CONTAINER]),
    ],
)
def test_wallet_must_be_on_a_volume(
    wallets: tuple[str, ...] | None, expected: list[R]
) -> None:
    assert codes(sample("app"), wallets=wallets) == expected


def test_wallet_on_a_memory_disk_is_not_on_a_volume() -> None:
    raw = sample("app")
    raw["Mounts"].append({"Type": "tmpfs", "Destination": "/data/wallets"})
    assert codes(raw, wallets=("/data/wallets/w",)) == [R.WALLET_IN_CONTAINER]


# --- files of the container itself


def changes(*paths: str, kind: int = 1) -> list[Change]:
    return [Change(path, kind) for path in paths]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (changes("/etc", "/etc/app.conf"), ["/etc/app.conf"]),
        (changes("/app.conf"), ["/app.conf"]),
        (changes("/run", "/run/secrets", "/run/secrets/key"), ["/run/secrets/key"]),
        (changes("/srv/app/db.sqlite", kind=0), ["/srv/app/db.sqlite"]),
        (changes("/etc/old.conf", kind=2), []),
        (changes("/tmp", "/tmp/x", "/run/app.pid", "/var/log/app/a.txt"), []),
        (changes("/app/__pycache__", "/app/__pycache__/a.pyc", "/srv/app.pid"), []),
        (changes("/usr/sbin/docker-init"), []),
        (changes("/data", "/conf"), []),
    ],
)
def test_files_of_the_container_itself_are_found(
    listed: list[Change], expected: list[str]
) -> None:
    assert own_files(listed, ["/data", "/conf"]) == expected


def test_files_that_compose_copied_in_are_an_obstacle() -> None:
    raw = sample("cfg")
    (reason,) = find_obstacles(raw, around(raw, changes=changes("/etc/app.conf")))
    assert (reason.code, reason.get("paths")) == (R.FILES_IN_CONTAINER, "/etc/app.conf")
