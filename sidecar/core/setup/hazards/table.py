"""Table of hazards, the most urgent first: one row each, with all its texts."""

from sidecar.core.model.cause import Severity
from sidecar.core.setup.hazards.container_checks import (
    check_crash_loop,
    check_different_zones,
    check_init,
    check_memory_limit,
    check_sigterm,
    check_unknown_zone,
)
from sidecar.core.setup.hazards.hazard import BilingualText as T
from sidecar.core.setup.hazards.hazard import HazardRule
from sidecar.core.setup.hazards.host_checks import (
    check_clock,
    check_disk,
    check_shared_network,
    check_socket_group,
)
from sidecar.core.setup.hazards.wallet_checks import (
    check_anonymous_volume,
    check_harmful_health_check,
    check_plain_password,
    check_rpc_published,
    check_wallet_on_volume,
)

HAZARDS: tuple[HazardRule, ...] = (
    HazardRule(
        "wallet_not_on_volume",
        Severity.P0,
        check_wallet_on_volume,
        T(
            "The wallet's files are in the container itself: a new container (compose "
            "up after any change, compose down) loses them, and the money with them.",
            "지갑 파일이 컨테이너 안에만 있습니다. 컨테이너를 새로 만들면(설정 변경 후 "
            "compose up, compose down) 지갑과 돈을 잃습니다.",
        ),
        T(
            "First copy the wallet out (docker cp), then put its folder on a volume.",
            "먼저 docker cp로 지갑을 복사한 다음, 폴더를 볼륨으로 옮겨 주십시오.",
        ),
        "volumes: [wallet-data:{folder}]",
    ),
    HazardRule(
        "rpc_published",
        Severity.P0,
        check_rpc_published,
        T(
            "The RPC port is published on all addresses of the host: anybody who "
            "reaches port {host_port} and has the password can spend the money.",
            "RPC 포트가 호스트의 모든 주소에 공개되어 있습니다. 포트 {host_port}에 닿고 "
            "비밀번호를 아는 사람은 누구나 돈을 쓸 수 있습니다.",
        ),
        T(
            "Remove the line, since services reach the port without it; or publish it "
            "on this host alone.",
            "서비스는 이 줄 없이도 포트에 접속할 수 있으므로 지워 주십시오. 필요하면 이 "
            "호스트에만 공개해 주십시오.",
        ),
        'ports: ["127.0.0.1:{host_port}:{port}"]',
    ),
    HazardRule(
        "no_shared_network",
        Severity.P1,
        check_shared_network,
        T(
            "{caller} shares no network with it, so {caller} cannot reach it.",
            "같은 네트워크에 있지 않아 서비스 {caller}에서 접속할 수 없습니다.",
        ),
        T(
            "Add the network to the service {caller}.",
            "서비스 {caller}에 네트워크를 추가해 주십시오.",
        ),
        "networks: [{network}]",
    ),
    HazardRule(
        "wrong_socket_group",
        Severity.P1,
        check_socket_group,
        T(
            "Sidecar is not in the group {group} of {socket}: it can neither see nor "
            "restart containers.",
            "Sidecar가 {socket}의 그룹 {group}에 속해 있지 않습니다. 컨테이너를 볼 수도 "
            "다시 시작할 수도 없습니다.",
        ),
        T(
            "Add the group to the service sidecar.",
            "서비스 sidecar에 그룹을 추가해 주십시오.",
        ),
        'group_add: ["{group}"]',
    ),
    HazardRule(
        "crash_loop_policy",
        Severity.P1,
        check_crash_loop,
        T(
            "It dies soon after each start, and restart: {policy} has started it again "
            "{count} times: this hides the fault, and each start costs a wallet daemon "
            "addresses that it had not saved.",
            "시작할 때마다 곧 종료되고, restart: {policy} 정책이 {count}번 다시 시작했습니다. "
            "장애가 가려지고, 지갑 데몬은 시작할 때마다 저장하지 않은 주소를 잃습니다.",
        ),
        T(
            "Read its log (docker compose logs) and repair the cause; bound the policy.",
            "로그(docker compose logs)에서 원인을 찾아 고치고, 재시작 횟수를 제한해 주십시오.",
        ),
        "restart: on-failure:3",
    ),
    HazardRule(
        "disk_nearly_full",
        Severity.P1,
        check_disk,
        T(
            "The disk of {holds} has {free} left ({share}): a daemon that cannot save "
            "its wallet forgets addresses that it handed out.",
            "{holds}의 디스크에 {free}({share})만 남았습니다. 지갑을 저장하지 못하는 데몬은 "
            "이미 발급한 주소를 잊습니다.",
        ),
        T(
            "Find what fills it, and remove what nobody needs.",
            "무엇이 디스크를 채우는지 확인하고 필요 없는 것을 지워 주십시오.",
        ),
        "docker system df",
    ),
    HazardRule(
        "harmful_health_check",
        Severity.P1,
        check_harmful_health_check,
        T(
            "Its HEALTHCHECK ({part}) can hold the daemon's only thread, or adds "
            "addresses: all other callers wait meanwhile.",
            "HEALTHCHECK({part})가 데몬의 하나뿐인 스레드를 붙잡거나 주소를 추가할 수 "
            "있습니다. 그동안 다른 호출은 모두 기다립니다.",
        ),
        T(
            "Switch it off, since Sidecar asks the daemon itself; or use healthcheck.py.",
            "Sidecar가 데몬을 직접 확인하므로 끄거나, healthcheck.py를 사용해 주십시오.",
        ),
        "healthcheck: {{disable: true}}",
    ),
    HazardRule(
        "ignores_sigterm",
        Severity.P1,
        check_sigterm,
        T(
            "Its PID 1 ignores SIGTERM: each stop takes the whole grace period and ends "
            "with SIGKILL, so nothing is saved.",
            "PID 1이 SIGTERM을 무시합니다. 멈출 때마다 유예 시간을 모두 쓰고 SIGKILL로 "
            "끝나므로 아무것도 저장되지 않습니다.",
        ),
        T(
            "Let an init process be PID 1.",
            "init 프로세스가 PID 1이 되도록 해 주십시오.",
        ),
        "init: true",
    ),
    HazardRule(
        "password_in_environment",
        Severity.P2,
        check_plain_password,
        T(
            "{variables} is in the plain environment: docker inspect, child processes "
            "and error reports show it.",
            "환경 변수 {variables}에 비밀번호가 그대로 있습니다. docker inspect, 자식 프로세스, "
            "오류 보고에 드러납니다.",
        ),
        T(
            "Give it in a file, if the program can read one, and change the password.",
            "프로그램이 파일을 읽을 수 있으면 파일로 전달하고, 비밀번호를 바꿔 주십시오.",
        ),
        "environment: {{{variable}_FILE: /run/secrets/rpcpassword}}",
    ),
    HazardRule(
        "anonymous_volume",
        Severity.P2,
        check_anonymous_volume,
        T(
            "The wallet's folder {folder} is on a volume without a name: compose down "
            "leaves it behind, and the next container begins without a wallet.",
            "지갑 폴더 {folder}의 볼륨에 이름이 없습니다. compose down 후 새 "
            "컨테이너는 지갑 없이 시작합니다.",
        ),
        T(
            "First copy the wallet out (docker cp), then give the volume a name.",
            "먼저 docker cp로 지갑을 복사한 다음, 볼륨에 이름을 지정해 주십시오.",
        ),
        "volumes: [wallet-data:{folder}]",
    ),
    HazardRule(
        "clock_differs",
        Severity.P2,
        check_clock,
        T(
            "The engine's clock differs from the clock here by {seconds} s: times in "
            "logs and incidents do not fit together.",
            "엔진의 시계가 이곳의 시계와 {seconds}초 다릅니다. 로그와 장애 기록의 시각이 "
            "맞지 않습니다.",
        ),
        T(
            "Synchronise both clocks.",
            "두 시계를 동기화해 주십시오.",
        ),
        "timedatectl set-ntp true",
    ),
    HazardRule(
        "unknown_time_zone",
        Severity.P2,
        check_unknown_zone,
        T(
            "TZ={zone} names no time zone: programs take UTC without a word.",
            "TZ={zone} 시간대는 없습니다. 프로그램은 알리지 않고 UTC를 씁니다.",
        ),
        T(
            "Write a name of the time zone database.",
            "시간대 데이터베이스에 있는 이름을 적어 주십시오.",
        ),
        "environment: {{TZ: Asia/Seoul}}",
    ),
    HazardRule(
        "different_time_zones",
        Severity.P3,
        check_different_zones,
        T(
            "Its time zone is {zone}, and {other} has {other_zone}: times in the logs "
            "do not fit together, and a planned restart may come at another hour.",
            "시간대가 {zone}인데 서비스 {other}의 시간대는 {other_zone}입니다. 로그의 시각이 맞지 않고, "
            "예정된 재시작이 다른 시각에 올 수 있습니다.",
        ),
        T(
            "Use one time zone for all services.",
            "모든 서비스에 같은 시간대를 사용해 주십시오.",
        ),
        "environment: {{TZ: {other_zone}}}",
    ),
    HazardRule(
        "no_init",
        Severity.P3,
        check_init,
        T(
            "It has no init process: ended child processes stay as zombies, and a "
            "signal reaches only PID 1.",
            "init 프로세스가 없습니다. 종료된 자식 프로세스가 좀비로 남고, 신호는 PID 1에만 "
            "전달됩니다.",
        ),
        T(
            "Let an init process be PID 1.",
            "init 프로세스가 PID 1이 되도록 해 주십시오.",
        ),
        "init: true",
    ),
    HazardRule(
        "no_memory_limit",
        Severity.P3,
        check_memory_limit,
        T(
            "It has no memory limit: if it takes all memory of the host, the kernel kills "
            "a process of any container, possibly the wallet daemon.",
            "메모리 제한이 없습니다. 호스트의 메모리를 다 쓰면 커널이 아무 컨테이너의 "
            "프로세스나 종료하며, 지갑 데몬이 종료될 수도 있습니다.",
        ),
        T(
            "Limit it to a multiple of what docker stats shows.",
            "docker stats에 보이는 값의 몇 배로 제한해 주십시오.",
        ),
        "mem_limit: 512m",
    ),
)
