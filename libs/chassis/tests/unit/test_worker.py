"""Liveness of a whole process: each of its tasks is watched."""

import asyncio
import contextlib
import time
from dataclasses import replace
from datetime import datetime

import httpx
import pytest
from notes import service
from notes_door import settings
from starlette.applications import Starlette

from gerai.chassis.service import running_context
from gerai.chassis.service_context import Components, ForeignTopic
from gerai.chassis.work import Deadline
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.messaging import group_commit, jobs, relay, timers
from gerai.messaging.consumer import Subscription
from gerai.messaging.context import Context
from gerai.messaging.job import Done, JobRow, Result
from gerai.messaging.jobs import JobKind, WhenUnknown
from gerai.messaging.kafka import subscriber
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork

LONG = 3_600.0


class LaterOn:
    """In the place of a module's `time`: an hour from now."""

    @staticmethod
    def monotonic() -> float:
        return time.monotonic() + LONG


class TestForeignTopics:
    def test_a_service_that_declares_a_topic_of_another_does_not_start(self) -> None:
        with pytest.raises(ForeignTopic, match=r"notes does not own hourly.hours"):
            replace(service, topics=[HourCounted.topic])

    def test_nor_one_whose_group_is_named_after_another(self) -> None:
        components = Components(
            subscriptions=[Subscription(group="queue.notes", handlers={HourCounted: react})]
        )
        with pytest.raises(ForeignTopic, match=r"notes does not own queue.notes.dead-letters"):
            service.topics_written(components)

    def test_only_a_topic_that_is_known_to_be_anothers_is_foreign(self) -> None:
        """Another version of this service may declare topics and groups that this one does not know."""
        foreign = {"hourly.hours", "queue.notes.dead-letters", "queue.notes.replays"}
        others = {"notes.notes", "notes.new", "elsewhere.new", "notes.gone.dead-letters", "dead-letters"}
        assert {one for one in foreign | others if service.is_foreign(one)} == foreign


async def react(event: HourCounted, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None: ...


async def remind(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None: ...


async def call(job: JobRow) -> Done:
    return Done()


async def called(job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None: ...


async def test_every_task_of_a_process_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them ever turns here, and a command waits: an hour later each is named."""
    groups = ["notes.one", "notes.two"]
    components = Components(
        subscriptions=[Subscription(group=group, handlers={HourCounted: react}) for group in groups],
        timers={"remind": remind},
        jobs=[JobKind(name="call", perform=call, complete=called, when_unknown=WhenUnknown.HOLD)],
    )
    begun, goes_on = asyncio.Event(), asyncio.Event()

    async def command(uow: UnitOfWork) -> None:
        begun.set()
        await goes_on.wait()

    async with running_context(service, settings(roles="worker"), Deadline(5)) as (service_context, worker):
        parts = [
            *worker.timers(service_context, components),
            *worker.jobs(service_context, components),
            *worker.to_kafka(service_context, components),
        ]
        tasks = {one.name for one in parts}
        assert tasks == {"timers", "jobs", "relay", "subscriber notes.one", "subscriber notes.two"}
        context = Context(tenant=None, actor="tester", correlation_id="c")
        waiting = asyncio.create_task(service_context.commit.execute(command, context=context))
        await begun.wait()
        transport = httpx.ASGITransport(app=Starlette(routes=service_context.health.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://notes.test") as http:
            with contextlib.ExitStack() as watched:
                for one in parts:
                    watched.enter_context(service_context.health.watching(one.progress))
                assert (await http.get("/health/live")).json()["stuck"] == {}
                for module in (group_commit, relay, timers, jobs, subscriber):
                    monkeypatch.setattr(module, "time", LaterOn)
                stuck = (await http.get("/health/live")).json()["stuck"]
        goes_on.set()
        await waiting
    assert {*stuck} == {"group-commit", "timers", "jobs call", "relay", "notes.one", "notes.two"}
