"""`python -m services.gateway`: HTTP on VOICEHUB_HTTP_ADDRESS, gRPC on VOICEHUB_GATEWAY_ADDRESS."""

from __future__ import annotations

import logging

from services.common import metrics, rpc, settings, tls
from services.common.outbox import Relay
from services.common.probes import asks_itself, serve_probes
from services.common.readiness import Readiness, engine_checks
from services.common.runtime import open_house
from services.common.sampler import Sampler
from services.common.telemetry import configure_logging
from services.common.tracing import configure_tracing
from services.gateway.bootstrap import MIGRATIONS, make_hub
from services.gateway.rest.app import create_app
from services.gateway.rest.server import Server, listen
from services.gateway.service import NAME, GatewayService
from services.stubs.voicehub.gateway.v1.gateway_pb2_grpc import add_GatewayServiceServicer_to_server

log = logging.getLogger(__name__)


def main() -> int:
    """Serves until told to stop, or until the parent process is gone."""
    chosen = settings.load("gateway")
    configure_logging(chosen.service, chosen.log_level)
    configure_tracing(chosen.service)
    house = open_house(chosen, MIGRATIONS)
    hub = make_hub(house)
    service = GatewayService(hub.accounts)
    grpc_server = rpc.make_server(
        chosen.address("gateway"),
        house.verifier,
        lambda server: add_GatewayServiceServicer_to_server(service, server),
        [NAME],
        certificate=chosen.tls,
    )
    relay = Relay(house.database, house.bus)
    relay.start()
    Sampler(house.database, house.bus).start()
    metrics.watch_disk(chosen.data)
    if chosen.metrics_address != chosen.http_address:
        readiness = Readiness(engine_checks(house.database, house.objects))
        readiness.start()
        serve_probes(chosen.metrics_address, asks_itself(chosen.address("gateway"), chosen.tls), readiness)
    if chosen.tls:
        tls.leave_when_renewed(chosen.tls)

    def stopped() -> None:
        grpc_server.stop(grace=1).wait()
        relay.stop()  # channels stay open: a late request must not meet a closed one

    listener = listen(chosen.http_address)
    log.info("serving", extra={"address": "{}:{}".format(*listener.getsockname()[:2])})
    Server(create_app(hub), stopped).serve(listener)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
