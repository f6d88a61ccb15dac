"""The settings of a throw-away container: what it has of the original, and what not."""

from typing import Any

from sidecar.engine.throwaway_settings import (
    LABEL,
    MEMORY_BYTES,
    MOST_FILES,
    find_named_files,
    make_settings,
)

ORIGINAL: dict[str, Any] = {
    "Image": "sha256:f00",
    "Config": {
        "Env": ["RPC_PASSWORD_FILE=/run/secrets/rpc", "A_FILE=relative", "B=/b"],
        "Cmd": ["daemon"],
        "Entrypoint": ["/entrypoint.sh"],
        "User": "1000:1000",
        "WorkingDir": "/app",
        "Labels": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.config-hash": "c0ffee",
            "autoheal": "true",
        },
    },
    "HostConfig": {
        "Memory": 0,
        "Privileged": True,
        "Binds": ["/var/run/docker.sock:/var/run/docker.sock", "data:/data"],
        "CapAdd": ["SYS_ADMIN"],
        "Devices": [{"PathOnHost": "/dev/sda"}],
        "PortBindings": {"7777/tcp": [{"HostPort": "7777"}]},
        "PidMode": "host",
        "NetworkMode": "shop_default",
        "RestartPolicy": {"Name": "always"},
    },
    "Mounts": [
        {"Type": "volume", "Destination": "/data"},
        {"Type": "bind", "Destination": "/run/secrets/rpc"},
        {"Type": "bind", "Destination": "/etc/daemon.conf"},
    ],
}


def test_it_runs_the_same_program_in_the_same_environment() -> None:
    settings = make_settings(ORIGINAL, "shop")
    config = ORIGINAL["Config"]
    for key in ("Env", "Cmd", "Entrypoint", "User", "WorkingDir"):
        assert settings[key] == config[key]
    assert settings["Image"] == ORIGINAL["Image"]
    assert settings["Healthcheck"] == {"Test": ["NONE"]}


def test_it_has_no_network_no_volume_and_no_privilege_of_the_original() -> None:
    settings = make_settings(ORIGINAL, "shop")
    host: Any = settings["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert host["CapDrop"] == ["ALL"]
    assert "SYS_ADMIN" not in host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["RestartPolicy"] == {"Name": "no"}
    assert host["LogConfig"] == {"Type": "none"}
    assert host["Memory"] == host["MemorySwap"] == MEMORY_BYTES
    keys = {"NetworkMode", "CapDrop", "CapAdd", "SecurityOpt", "RestartPolicy"}
    keys |= {"LogConfig", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "Init"}
    assert set(host) == keys
    assert "Volumes" not in settings


def test_it_has_the_memory_limit_of_the_original() -> None:
    limited = {**ORIGINAL, "HostConfig": {"Memory": 300_000_000}}
    host: Any = make_settings(limited, "shop")["HostConfig"]
    assert host["Memory"] == 300_000_000


def test_compose_and_sidecar_do_not_take_it_for_one_of_the_stack() -> None:
    labels: Any = make_settings(ORIGINAL, "shop")["Labels"]
    assert labels.pop(LABEL) == "shop"
    assert set(labels.values()) == {""}
    assert "com.docker.compose.project" in labels
    assert "com.docker.compose.config-hash" in labels
    assert "autoheal" not in labels


def test_files_from_outside_the_image_are_named_once_and_bounded() -> None:
    assert find_named_files(ORIGINAL) == ("/run/secrets/rpc", "/etc/daemon.conf")
    many = [{"Type": "bind", "Destination": f"/f{n}"} for n in range(100)]
    assert len(find_named_files({**ORIGINAL, "Mounts": many})) == MOST_FILES
