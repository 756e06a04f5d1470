"""Requests to begin with: one for every operation, genuine messages for those that open some."""

import json

from dynamicrypt.web.schema import to_base64
from tests.fuzz.documented import V1
from tests.fuzz.world import CHANNEL, PLAINTEXT, PLAINTEXT_BASE64, World

_ROUTES = V1.decode()


def seeds() -> list[bytes]:
    """Return them, as inputs of `tests.fuzz.requests`."""
    return [*_of_services(), *_of_messages(), *_of_keys_and_node(), *_of_v1()]


def written(first: str, content: object = None, *headers: str) -> bytes:
    """An input."""
    body = content if isinstance(content, bytes) else b""
    if content is not None and not isinstance(content, bytes):
        body = json.dumps(content).encode()
    return "\n".join([first, *headers, "", ""]).encode() + body


def _of_services() -> list[bytes]:
    shop = "/v2/services/shop"
    lines = [
        f"{who} {method} {path}"
        for who, method, path in (
            ("up", "GET", "/v2/services"),
            ("up", "PUT", "/v2/services/caf%C3%A9"),
            ("other", "PUT", shop),
            ("up", "GET", shop),
            ("up", "DELETE", shop),
            ("up", "GET", f"{shop}/channels"),
            ("up", "GET", f"{CHANNEL}?wait=500ms"),
            ("up", "GET", f"{shop}/channels/new?wait=2s"),
            ("up", "DELETE", CHANNEL),
            ("up", "POST", f"{CHANNEL}/start"),
            ("up", "POST", f"{CHANNEL}/stop"),
        )
    ]
    peers = [written(f"up PUT {shop}/channels/mint", {"peer": peer}) for peer in ("there", "x")]
    return [*map(written, lines), *peers]


def _of_messages() -> list[bytes]:
    bank = World().bank
    plain, context = PLAINTEXT_BASE64.decode(), "Yw=="
    sealed = [
        *(bank.seal(PLAINTEXT, mode, b"c")[0] for mode in (1, 2)),
        *bank.seal(PLAINTEXT, 3, b"c", limit=2),
        *bank.seal(PLAINTEXT, 4, b"c", pieces=2),
    ]
    encoded = [to_base64(envelope) for envelope in sealed]
    sealer = bank.stream_sealer(b"c")
    stream = sealer.header + sealer.update(PLAINTEXT) + sealer.finish()
    found = [
        written(f"sender POST {CHANNEL}/encrypt?wait=1s", {"plaintext": plain, **more})
        for more in (
            {"mode": 1, "context": context},
            {"mode": 2},
            {"mode": 3, "limit": 2},
            {"mode": 4, "pieces": 2},
            {"mode": 4, "pieces": 6},
            {"mode": 5},
            {"limit": 1, "other": None},
        )
    ]
    found += [
        written(
            f"up POST {CHANNEL}/decrypt",
            {"ciphertext": each, "context": context},
            "Idempotency-Key: once",
        )
        for each in encoded
    ]
    items = [{"plaintext": plain, "context": context, "reference": "a"}, {"plaintext": 1}, {}]
    opened = [{"ciphertext": each, "context": context} for each in encoded]
    found += [
        written(f"up POST {CHANNEL}/batch/encrypt", {"items": items, "mode": 2}),
        written(f"up POST {CHANNEL}/batch/encrypt?wait=1s", {"items": items * 3, "mode": 2}),
        written(f"up POST {CHANNEL}/batch/decrypt", {"items": opened}),
        written(f"up POST {CHANNEL}/stream/encrypt", PLAINTEXT, "DynamiCrypt-Context: Yw=="),
        written(f"up POST {CHANNEL}/stream/decrypt", stream, "DynamiCrypt-Context: Yw=="),
        written(f"up POST {CHANNEL}/stream/decrypt", stream[:-1], "DynamiCrypt-Context: Yw=="),
    ]
    return found


def _of_keys_and_node() -> list[bytes]:
    key_id, key = World().bank.take_key()
    key[:] = bytes(len(key))
    lines = (
        f"up POST {CHANNEL}/keys/next?wait=1s",
        f"up POST {CHANNEL}/keys/{key_id}",
        f"reader POST {CHANNEL}/keys/00000000-0000-0000-0000-000000000001",
        "up GET /v2/status",
        "up GET /v2/events",
        "- GET /v2/openapi.json",
        "- GET /v2/problems/key_used",
        "- GET /healthz",
        "- GET /readyz",
        "reader GET /metrics",
        "slow GET /v2/status",
        "sender POST /v2/services/shop/channels/bank/decrypt",
        "- HEAD /v2/status",
        "up OPTIONS /v2/services/%2e%2e",
        "up PATCH /nowhere/%ff",
    )
    more = (
        written("up GET /v2/events", None, "Last-Event-ID: 00000000-1"),
        written("up GET /v2/status", None, "Origin: http://localhost:9081"),
        written("up GET /v2/status", None, "Origin: null"),
        written(f"up POST {CHANNEL}/encrypt", b"<", "Content-Type: text/xml"),
    )
    return [*map(written, lines), *more]


def _of_v1() -> list[bytes]:
    world = World()
    message = PLAINTEXT.decode()
    found = [
        _v1("init", service_name="alice", wire=2),
        _v1("init", service_name="new", wire=1),
        _v1("init_config", service_name="alice", partner_name="bob"),
        _v1("status", service_name="alice"),
        _v1("exit", service_name="alice"),
        _v1("exit", service_name="nobody"),
        _v1("nothing"),
        written(f"- GET {_ROUTES}test-ok"),
        written(f"up GET {_ROUTES}encrypt"),
        written(f"up POST {_ROUTES}status", b"["),
        written("up POST /v1/nothing", b"{}"),
    ]
    for name, partner, address in (
        ("alice", "bob", "127.0.0.1"),
        ("old", "friend", "127.0.0.1"),
        ("old", "another", "nowhere"),
    ):
        there = {"address_of_other_tpm": address, "port_of_other_tpm": 8001}
        found.append(_v1("sync", service_name=name, partner_name=partner, **there))
    for name, mode in (("alice", 1), ("alice", 2), ("alice", 3), ("old", 1), ("old", 2)):
        found.append(_v1("encrypt", service_name=name, message=message, operation=0, mode=mode))
    for mode in (1, 2):
        sealed = world.bob.encrypt(message, mode)
        old, digest, _ = world.friend.encrypt(PLAINTEXT, mode)
        for name, text, hash_ in (("alice", sealed.message, sealed.hash), ("old", old, digest)):
            asked = {"service_name": name, "message": text, "hash": hash_}
            found.append(_v1("encrypt", **asked, operation=1, mode=mode))
    return found


def _v1(route: str, **content: object) -> bytes:
    return written(f"up POST {_ROUTES}{route}", content)
