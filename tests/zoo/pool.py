"""Runs a function on each of many names, each in a process of its own: one that hangs or dies takes no other along."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from typing import TypeVar

T = TypeVar("T")


class Lost(Exception):
    """A process that gave no answer: out of time, or dead."""


def run_each(
    function: Callable[[str], T], names: Sequence[str], jobs: int, seconds: float, preload: Sequence[str]
) -> Iterator[tuple[str, T | Lost]]:
    """``function(name)`` for every name, as they end, ``jobs`` at a time, each within ``seconds``.

    ``preload`` names the modules that are imported once, before the processes are forked.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))

    def run(name: str) -> tuple[str, T | Lost]:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_answer, args=(sender, function, name))
        process.start()
        sender.close()
        answer: T | Lost
        try:
            answer = receiver.recv() if receiver.poll(seconds) else Lost(f"more than {seconds:.0f} s")
        except EOFError:
            process.join()
            answer = Lost(f"the process ended with exit code {process.exitcode}")
        finally:
            process.kill()
            process.join()
        return name, answer

    with ThreadPoolExecutor(jobs) as threads:
        for future in as_completed([threads.submit(run, name) for name in names]):
            yield future.result()


def _answer(sender: Connection, function: Callable[[str], T], name: str) -> None:
    sender.send(function(name))
