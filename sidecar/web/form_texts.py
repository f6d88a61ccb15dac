"""Texts of the sign-in, of confirmations and of refusals, in each language."""

from collections.abc import Mapping
from types import MappingProxyType

FORM_TEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "sign_in.title": "Sign in",
            "sign_in.text": "Please enter the API token of this Sidecar.",
            "sign_in.token": "API token",
            "sign_in.button": "Sign in",
            "sign_in.wrong": "This token is not correct. Please try again.",
            "sign_in.disabled": "Nobody can sign in, because SIDECAR_API_TOKEN is not "
            "set.",
            "restart.title": "Restart {target}?",
            "restart.free": "No guard objects. The restart begins at once.",
            "restart.objections": "These guards object, so Sidecar will not restart "
            "the target now:",
            "restart.button": "Restart {target}",
            "refused.title": "This was not done",
            "back": "Back to the status page",
        },
        "ko": {
            "sign_in.title": "로그인",
            "sign_in.text": "이 Sidecar의 API 토큰을 입력해 주십시오.",
            "sign_in.token": "API 토큰",
            "sign_in.button": "로그인",
            "sign_in.wrong": "토큰이 올바르지 않습니다. 다시 입력해 주십시오.",
            "sign_in.disabled": "SIDECAR_API_TOKEN이 설정되어 있지 않아 로그인할 수 "
            "없습니다.",
            "restart.title": "재시작할까요? ({target})",
            "restart.free": "막는 조건이 없습니다. 바로 재시작합니다.",
            "restart.objections": "다음 조건 때문에 Sidecar는 지금 대상을 재시작하지 "
            "않습니다:",
            "restart.button": "재시작 ({target})",
            "refused.title": "요청한 작업을 하지 않았습니다",
            "back": "상태 페이지로 돌아가기",
        },
    }
)


def form_text(language: str, key: str, **values: str) -> str:
    """A text of a language, with its placeholders filled in."""
    return FORM_TEXTS[language][key].format_map(values)
