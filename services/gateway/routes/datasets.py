"""Datasets: a query pinned, and its records page by page."""

from __future__ import annotations

from services.gateway.clients import SLOW_SECONDS, ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import choice, number, page_of, record, reference, text
from services.stubs.voicehub.catalog.v1 import datasets_pb2 as pb
from services.stubs.voicehub.common.v1.common_pb2 import PageRequest

resource = Resource("datasets")
_DATASET, _RECORD = pb.Dataset.DESCRIPTOR, pb.DatasetRecord.DESCRIPTOR
_NEW = record(
    {"query": text(500, least=0, note="As in a search; empty is all voices.")},
    {"private": {"type": "boolean", "description": "Also your private voices."}},
)
_PAGE = (
    Parameter("cursor", text(1024, least=0), note="`next_cursor` of the page before."),
    Parameter("size", number(1, 500), note="Records on a page, 100 if not said."),
    Parameter("tensors", choice("true", "false"), note="Also the tensors among the objects."),
)


@resource.route(
    "POST",
    "/v1/datasets",
    "Pin a dataset",
    Answer(201, reference(_DATASET)),
    body=_NEW,
    scope=Scope.WRITE,
    messages=(_DATASET,),
)
def create_dataset(call: Call) -> Reply:
    """The voices that answer the query now; reading it later gives the same records."""
    request = pb.PinDatasetRequest(
        query=call.body["query"], private=call.body.get("private", False), idempotency_key=call.key
    )
    made = ask(call.hub.clients.datasets.PinDataset, request, SLOW_SECONDS).dataset
    return Reply(to_json(made), {"Location": f"/v1/datasets/{made.id}"})


@resource.route(
    "GET", "/v1/datasets/{dataset}", "Look at a dataset", Answer(200, reference(_DATASET)), scope=Scope.READ
)
def get_dataset(call: Call, dataset: str) -> Reply:
    """Its query, how many records it has, and the digest over their versions."""
    return Reply(to_json(ask(call.hub.clients.datasets.GetDataset, pb.GetDatasetRequest(id=dataset)).dataset))


@resource.route(
    "GET",
    "/v1/datasets/{dataset}/records",
    "Read a dataset",
    Answer(200, page_of(reference(_RECORD), withheld={"type": "integer"})),
    scope=Scope.READ,
    parameters=_PAGE,
    messages=(_RECORD,),
)
def list_dataset_records(call: Call, dataset: str) -> Reply:
    """In the order in which they were pinned; `withheld` are those that you may not read any more."""
    page = PageRequest(size=call.query.get("size", 100), cursor=call.query.get("cursor", ""))
    request = pb.ListDatasetRecordsRequest(id=dataset, tensors=call.query.get("tensors") == "true", page=page)
    found = ask(call.hub.clients.datasets.ListDatasetRecords, request, SLOW_SECONDS)
    items = [to_json(one) for one in found.records]
    return Reply({"items": items, "next_cursor": found.next_cursor, "withheld": found.withheld})
