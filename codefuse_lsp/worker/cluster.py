"""Several workers behind one address, kept alive and scaled by Ray Serve: the only module that knows Ray.

`Replica` is one worker in a Ray actor; the door (door.py) asks for keys and hands each call to a replica, by
preference to one that has read the same beginning of a prompt (affinity.py). Starting, watching and replacing
processes on the machines of a cluster is Ray's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import cache

from ray import serve
from ray.exceptions import RayActorError, RayError
from ray.serve.config import RequestRouterConfig
from ray.serve.exceptions import BackPressureError
from ray.serve.handle import DeploymentHandle
from ray.serve.request_router import PendingRequest, ReplicaID, RequestRouter, RunningReplica
from starlette.types import Message

from codefuse_lsp.config import Settings
from codefuse_lsp.errors import RequestRefused, WorkerFailed, WorkerUnreachable
from codefuse_lsp.worker.affinity import Readers
from codefuse_lsp.worker.app import ChooseFormat, Worker, build_app
from codefuse_lsp.worker.chat_api import RenderChat
from codefuse_lsp.worker.door import Call, answer, build_door
from codefuse_lsp.worker.guard import Rules, tcp_rules
from codefuse_lsp.worker.users import KeyRing

REPLICA = "Replica"
ONGOING = 64  # requests at one replica: enough that its own scheduler sees them all and puts ghost text first
QUEUED = 256  # requests that wait at the door while every replica has its fill
DOOR_ONGOING = 4096  # requests under way at one door, where a request is no more than an open connection
TRIES = 2  # a replica may die under a request of which nothing has been answered yet
HEALTH_PERIOD_S = 5.0
STOP_S = 5.0  # that a replica has to end its answers


@dataclass(frozen=True, slots=True)
class Layout:
    """How many replicas there are, and what each is given of a machine."""

    replicas: int = 2
    cpus: float = 1
    gpus: float = 0


def build(
    settings: Settings, choose_format: ChooseFormat, render_chat: RenderChat, layout: Layout, keys: KeyRing
) -> serve.Application:
    """Return what `serve run` runs: replicas of the worker, and a door that holds their handle."""
    replicas = serve.deployment(
        Replica,
        name=REPLICA,
        num_replicas=layout.replicas,
        max_ongoing_requests=ONGOING,
        max_queued_requests=QUEUED,
        health_check_period_s=HEALTH_PERIOD_S,
        graceful_shutdown_timeout_s=STOP_S,
        ray_actor_options={"num_cpus": layout.cpus, "num_gpus": layout.gpus},
        request_router_config=RequestRouterConfig(
            request_router_class=PrefixRouter, request_router_kwargs={"slack": settings.kv_slots}
        ),
    )
    door = serve.deployment(
        serve.ingress(build_door(ask, tcp_rules("0.0.0.0", keys)))(),
        name="Door",
        max_ongoing_requests=DOOR_ONGOING,
        graceful_shutdown_timeout_s=STOP_S,
        ray_actor_options={"num_cpus": 0},
    )
    return door.bind(replicas.bind(settings, choose_format, render_chat))


class Replica:
    """One worker: its model, and its HTTP application without the network."""

    async def __init__(  # type: ignore[misc]
        self, settings: Settings, choose_format: ChooseFormat, render_chat: RenderChat
    ) -> None:
        """Load the model; raises WorkerFailed with the reason, which `serve status` shows."""
        self._worker = Worker(settings, choose_format, render_chat)
        await self._worker.load()
        self.check_health()
        self._app = build_app(self._worker, Rules())
        self._name = serve.get_replica_context().replica_id.unique_id.encode()

    async def answer(self, call: Call) -> AsyncGenerator[Message]:
        """Yield the ASGI messages that answer `call`; their header x-replica tells who answered."""
        async for message in answer(self._app, call):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-replica", self._name)]
            yield message

    def check_health(self) -> None:
        """Raise WorkerFailed when this worker can answer nobody; Ray Serve then puts another in its place."""
        if self._worker.status != "ready":
            raise WorkerFailed(self._worker.message)


class PrefixRouter(RequestRouter):
    """Prefers replicas that have read most of a prompt, unless they are much busier than the others."""

    def initialize_state(self, slack: int) -> None:
        """Take `slack`: how many more requests than the idlest a replica may have and still be preferred.

        It is the number of sequences that a replica runs together: with more, to wait costs more than to read anew.
        """
        self._slack = slack
        self._readers: Readers[ReplicaID] = Readers()
        self._turn = 0

    async def choose_replicas(
        self, candidate_replicas: list[RunningReplica], pending_request: PendingRequest | None = None
    ) -> list[list[RunningReplica]]:
        """Return ranks of replicas; Ray Serve takes the least busy of the first rank that has room."""
        everybody = self._rotated(candidate_replicas)
        if pending_request is None:
            return [everybody]
        pending_request.routing_context.should_backoff = True  # when no rank has room, pause before the next look
        call = _call(pending_request)
        named = [replica for replica in everybody if replica.replica_id.unique_id == call.replica]
        readers = self._readers.of(call.heads, [replica.replica_id for replica in everybody])
        least = min(map(self._busy, everybody), default=0)
        good = [r for r in everybody if r.replica_id in readers and self._busy(r) <= least + self._slack]
        return [named, good, everybody]

    def on_request_routed(self, pending_request: PendingRequest, replica_id: ReplicaID, result: object) -> None:
        """Take note of who reads the prompt."""
        self._turn += 1
        self._readers.remember(_call(pending_request).heads, replica_id)

    def _rotated(self, replicas: list[RunningReplica]) -> list[RunningReplica]:
        """Return another one first after each request: among equally busy ones Ray Serve takes the first."""
        first = self._turn % max(1, len(replicas))
        return replicas[first:] + replicas[:first]

    def _busy(self, replica: RunningReplica) -> int:
        return self.replica_queue_len_cache.get(replica.replica_id) or 0


async def ask(call: Call) -> AsyncGenerator[Message]:
    """Yield a replica's answer to `call`; raises RequestRefused or WorkerUnreachable, with a sentence."""
    begun = False
    for left in reversed(range(TRIES)):
        messages = _replicas().answer.remote(call)
        try:
            async for message in messages:
                begun = True
                yield message
            return
        except BackPressureError:
            raise RequestRefused("Every worker is busy and too many requests wait; try again soon.", 429) from None
        except RayActorError:
            if begun or not left:
                raise WorkerUnreachable("The worker that was answering went away; ask again.") from None
        except RayError as error:
            raise WorkerUnreachable(f"The worker could not answer ({type(error).__name__}); ask again.") from None
        finally:
            messages.cancel()  # of an answer that is complete, nothing


@cache
def _replicas() -> DeploymentHandle:
    """Return the door's way to the replicas of its own application."""
    application = serve.get_replica_context().app_name
    return serve.get_deployment_handle(REPLICA, app_name=application).options(stream=True)


def _call(request: PendingRequest) -> Call:
    call: Call = next(arg for arg in request.args if isinstance(arg, Call))
    return call
