"""A service in a process of its own: a socket, signals, an orderly end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread

import uvicorn
from fastapi import FastAPI

from lexiseg.errors import UsageError

GRACE = 30  # seconds that questions may take to end once a stop is asked for


def listen(host: str, port: int) -> socket.socket:
    """A socket that clients can already reach.

    Args:
        host: address or name.
        port: number; 0 takes one that is free.

    Raises:
        UsageError: the address is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"Nothing can be served on {host} port {port} ({reason}); choose another --port or "
            "--host."
        ) from error


def run(app: FastAPI, place: socket.socket, started: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; questions that have begun are answered first.

    Args:
        app: the service.
        place: from `listen`.
        started: called once clients are answered.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = uvicorn.Server(config)
    stop = Event()
    # The server leaves signals alone in a thread that is not the first; they are ours.
    thread = Thread(target=server.run, kwargs={"sockets": [place]}, name="server")
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    thread.start()
    try:
        started()
        with suppress(KeyboardInterrupt):
            while thread.is_alive() and not stop.wait(0.2):
                pass
    finally:
        server.should_exit = True
        thread.join()
        signal.signal(signal.SIGTERM, before)
