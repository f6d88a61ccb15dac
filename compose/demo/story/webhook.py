"""A webhook that keeps and prints its messages, for demo and tests.

POST /CHANNEL   a message as json:// of Apprise sends it
GET  /messages  all of them, oldest first: [{"channel", "id", "title", "message"}]
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8090
MAX_BODY = 100_000
MAX_MESSAGES = 1_000

Message = dict[str, str]


class Webhook(ThreadingHTTPServer):
    """A server that keeps the last MAX_MESSAGES."""

    daemon_threads = True

    def __init__(self, port: int = PORT) -> None:
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        super().__init__(("0.0.0.0", port), Handler)

    def keep(self, message: Message) -> None:
        """Keep and print one message."""
        with self._lock:
            self._messages = [*self._messages, message][-MAX_MESSAGES:]
            print(f"{message['channel']}: {message['title']}", flush=True)

    def messages(self) -> list[Message]:
        """All kept messages, oldest first."""
        with self._lock:
            return list(self._messages)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Webhook
    timeout = 5

    def do_POST(self) -> None:
        """A message for the channel that the path names."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY:
            self._answer(413, {"error": f"at most {MAX_BODY} bytes"})
            return
        try:
            body = json.loads(self.rfile.read(length))
            title, text = str(body["title"]), str(body["message"])
        except (ValueError, TypeError, KeyError):
            self._answer(400, {"error": "expected title and message as JSON"})
            return
        self.server.keep(
            {
                "channel": self.path.strip("/"),
                "id": self.headers.get("X-Sidecar-Message-Id", ""),
                "title": title,
                "message": text,
            }
        )
        self._answer(200, {})

    def do_GET(self) -> None:
        """`/messages`."""
        if self.path == "/messages":
            self._answer(200, self.server.messages())
        else:
            self._answer(404, {"error": "known: /messages"})

    def log_message(self, *_: object) -> None:
        """Silent: the messages are what matters."""

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    Webhook().serve_forever()
