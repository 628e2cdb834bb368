"""The operations of the API, one module a resource."""

from __future__ import annotations

from collections.abc import Sequence

from services.gateway.rest.route import Resource, Route
from services.gateway.routes import (
    access,
    accounts,
    administrators,
    bases,
    batches,
    credit,
    datasets,
    discussions,
    downloads,
    evaluations,
    forks,
    issues,
    moderation,
    openai,
    organisations,
    people,
    pulls,
    refs,
    repositories,
    search,
    sound,
    synthesis,
    tokens,
    training,
    transfer,
    tts,
    uploads,
    versions,
    watching,
)

RESOURCES: Sequence[Resource] = (
    accounts.resource,
    administrators.resource,
    tokens.resource,
    uploads.resource,
    repositories.resource,
    access.resource,
    organisations.resource,
    versions.resource,
    refs.resource,
    forks.resource,
    pulls.resource,
    discussions.resource,
    downloads.resource,
    transfer.resource,
    search.resource,
    datasets.resource,
    sound.resource,
    people.resource,
    training.resource,
    evaluations.resource,
    synthesis.resource,
    batches.resource,
    credit.resource,
    watching.resource,
    issues.resource,
    moderation.resource,
    openai.resource,
    tts.resource,
    bases.resource,
)


def all_routes() -> Sequence[Route]:
    """Every operation, in the order of the document."""
    return [route for resource in RESOURCES for route in resource.routes]
