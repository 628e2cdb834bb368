"""How many messages of a topic a consumer group has not worked off: asked of Kafka, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

Wanted = tuple[str, str]
"""A consumer group and a topic."""


class KafkaLags:
    """Asks brokers. A group that has committed nothing lags behind by all that there is."""

    def __init__(self, servers: str) -> None:
        self._servers = servers.split(",")

    async def __call__(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, int]:
        """Lags by group and topic; a topic that is not there yet has none. KafkaError if no broker answers."""
        return await asyncio.to_thread(self._ask, wanted)

    def _ask(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, int]:
        from kafka import KafkaAdminClient

        admin = KafkaAdminClient(bootstrap_servers=self._servers, request_timeout_ms=10_000)
        try:
            there = set(admin.list_topics())
            return {one: self._lag(admin, *one) if one[1] in there else 0 for one in wanted}
        finally:
            admin.close()

    def _lag(self, admin: Any, group: str, topic: str) -> int:
        from kafka import TopicPartition
        from kafka.admin import OffsetSpec

        described = admin.describe_topics([topic])
        partitions = [TopicPartition(t["name"], p["partition_index"]) for t in described for p in t["partitions"]]
        known = {g["group_id"] for g in admin.list_groups()}
        committed = admin.list_group_offsets([group]).get(group, {}) if group in known else {}
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        return sum(
            ends[one].offset - max(committed[one].offset if one in committed else 0, begins[one].offset)
            for one in partitions
        )
