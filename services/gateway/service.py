"""The gRPC surface of the gateway: accounts, as other services may need them."""

from __future__ import annotations

import grpc

from services.common.clock import to_timestamp
from services.common.errors import Forbidden
from services.common.rpc import caller
from services.gateway.store.accounts import Accounts
from services.stubs.voicehub.gateway.v1.gateway_pb2 import Account, GetAccountRequest, GetAccountResponse
from services.stubs.voicehub.gateway.v1.gateway_pb2_grpc import GatewayServiceServicer

NAME = "voicehub.gateway.v1.GatewayService"


class GatewayService(GatewayServiceServicer):
    """Answers services, and people about themselves."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def GetAccount(self, request: GetAccountRequest, context: grpc.ServicerContext) -> GetAccountResponse:  # noqa: N802
        """The account of that name; NOT_FOUND."""
        who = caller()
        if not who.is_service and who.account != request.name:
            raise Forbidden("Only services may ask for other accounts.", hint="Ask for your own account.")
        account = self._accounts.get(request.name)
        return GetAccountResponse(account=Account(name=account.name, create_time=to_timestamp(account.create_time)))
