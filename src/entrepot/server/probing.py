"""Deployments whose circuit is open, probed for nothing: each gateway process probes what it would otherwise try with a request.

Rules of this file: nothing is probed that is not open, and nothing that is billed is asked. What was found goes to the board,
which decides what it means.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from entrepot.catalog.schema import Deployment
from entrepot.errors import EntrepotError
from entrepot.exchange.board import Board
from entrepot.settings.reach import reach_one
from entrepot.settings.schema import ProbeKind
from entrepot.upstream.client import UpstreamClient

TIMEOUT_S = 5.0

log = logging.getLogger("entrepot.gateway")


async def follow_open(
    board: Board, client: UpstreamClient, deployments: Sequence[Deployment], kinds: Mapping[str, ProbeKind]
) -> None:
    """Probe those that have a probe, for as long as their circuits are open. Runs until it is cancelled."""
    probed = {one.id: one for one in deployments if one.id in kinds}
    while probed:
        await asyncio.sleep(board.settings.probe_s)
        due = board.open(probed, time.time())
        await asyncio.gather(*(_probe(board, client, probed[id_], kinds[id_]) for id_ in due))


async def _probe(board: Board, client: UpstreamClient, deployment: Deployment, kind: ProbeKind) -> None:
    well = await is_well(client, deployment, kind)
    board.probed(deployment.id, time.time(), well=well)
    if well:
        log.info("deployment %s answers a probe and is tried again", deployment.id)


async def is_well(client: UpstreamClient, deployment: Deployment, kind: ProbeKind) -> bool:
    """Whether a deployment answers a probe."""
    try:
        if kind == "connect":
            await client.connect(deployment.base_url, TIMEOUT_S, deployment.way)
            return True
        return (await reach_one(client, deployment, TIMEOUT_S)).reachable
    except EntrepotError:
        return False
