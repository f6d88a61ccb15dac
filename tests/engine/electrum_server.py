"""A minimal upstream server for Electrum: a regtest chain of empty blocks.

JSON-RPC, one message a line, standard library only: run as ``python3 -c SOURCE`` in a
container beside the daemon. On regtest the client checks only that headers link up.
"""

import asyncio
import hashlib
import json
import struct

PORT = 50001
BLOCKS = 12
LINE_BYTES = 1 << 20

MERKLE_ROOT_OF_GENESIS = (
    "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
)


def header(previous: bytes, merkle_root: bytes, seconds: int, nonce: int) -> bytes:
    """80 bytes, little endian."""
    tail = struct.pack("<III", seconds, 0x207FFFFF, nonce)
    return struct.pack("<I", 1) + previous + merkle_root + tail


def chain() -> list[bytes]:
    """The genesis block of regtest, and empty blocks on top of it."""
    genesis_root = bytes.fromhex(MERKLE_ROOT_OF_GENESIS)
    headers = [header(bytes(32), genesis_root, 1296688602, 2)]
    for height in range(1, BLOCKS + 1):
        previous = hashlib.sha256(hashlib.sha256(headers[-1]).digest()).digest()
        root = hashlib.sha256(str(height).encode()).digest()
        headers.append(header(previous, root, 1296688602 + height, height))
    return headers


CHAIN = chain()
TIP = {"height": BLOCKS, "hex": CHAIN[-1].hex()}
ANSWERS = {
    "server.version": ["test upstream", "1.4"],
    "server.features": {},
    "server.banner": "",
    "server.donation_address": "",
    "server.peers.subscribe": [],
    "server.ping": None,
    "blockchain.headers.subscribe": TIP,
    "blockchain.estimatefee": 0.0001,
    "blockchain.relayfee": 0.00001,
    "mempool.get_fee_histogram": [],
    "blockchain.scripthash.subscribe": None,
    "blockchain.scripthash.get_history": [],
    "blockchain.scripthash.get_balance": {"confirmed": 0, "unconfirmed": 0},
    "blockchain.scripthash.listunspent": [],
}


def result(method: str, params: list[int]) -> object:
    """Result of a method; KeyError for an unknown method."""
    if method == "blockchain.block.header":
        return CHAIN[params[0]].hex()
    if method == "blockchain.block.headers":
        first, count = params[:2]
        headers = CHAIN[first : first + count]
        return {"count": len(headers), "hex": b"".join(headers).hex(), "max": 2016}
    return ANSWERS[method]


def answer_request(request: dict[str, object]) -> dict[str, object]:
    """Response to one request."""
    answer: dict[str, object] = {"jsonrpc": "2.0", "id": request.get("id")}
    try:
        answer["result"] = result(str(request["method"]), request.get("params") or [])  # type: ignore[arg-type]
    except (KeyError, IndexError) as error:
        answer["error"] = {"code": -32601, "message": f"not known: {error}"}
    return answer


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one client until it disconnects."""
    while line := await reader.readline():
        message = json.loads(line)
        answer = (
            [answer_request(request) for request in message]
            if isinstance(message, list)
            else answer_request(message)
        )
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    writer.close()


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.start_server(serve, "0.0.0.0", PORT, limit=LINE_BYTES)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
