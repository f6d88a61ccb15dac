"""A request to a configured address; an answer 2xx is a success."""

import aiohttp

from sidecar.core.model.maintenance_task import HttpCall, Task, TaskOutcome, TaskResult
from sidecar.core.reason.code import ReasonCode as R
from sidecar.core.reason.reason import Reason, text_reason
from sidecar.core.text.printable import on_one_line
from sidecar.tasks.task_tools import TaskFailed, TaskTools

ANSWER_BYTES = 2000
"""Number of bytes of a refusal that are read."""

_SUCCESSES = range(200, 300)


async def run_task(task: Task, tools: TaskTools) -> TaskResult:
    """Send the request; the text of an answer is kept only where it is no success."""
    assert isinstance(task.does, HttpCall)
    timeout = aiohttp.ClientTimeout(total=task.timeout_s)
    connector = aiohttp.TCPConnector(force_close=True)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.request(
                task.does.method, task.does.url, allow_redirects=False
            ) as answer,
        ):
            is_success = answer.status in _SUCCESSES
            body = b"" if is_success else await answer.content.read(ANSWER_BYTES)
    except TimeoutError:
        raise  # the runner says it; some timeouts are an OSError, too
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # The text of the error may contain the address, which may contain a secret.
        raise TaskFailed(f"the request failed: {type(error).__name__}") from error
    summary = Reason.of(R.TASK_ANSWER, status=answer.status)
    if is_success:
        return TaskResult(TaskOutcome.DONE, summary)
    answer_text = on_one_line(tools.mask(body.decode(errors="replace")))
    details = (text_reason(answer_text),) if answer_text else ()
    return TaskResult(TaskOutcome.FAILED, summary, details)
