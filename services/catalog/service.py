"""The gRPC surface of the catalog: who calls, one transaction, one message."""

from __future__ import annotations

import grpc

from services.catalog import downloads, likenesses, messages, paging, people, pushing
from services.catalog.collaboration import erasing, forks
from services.catalog.collaboration.shown import shown
from services.catalog.credits.domain import Prices
from services.catalog.domain.names import check_repository
from services.catalog.domain.roles import Role, not_yours
from services.catalog.domain.visibility import require_account
from services.catalog.search.voices import VoiceSearch
from services.catalog.store import access, hearing, repositories, versions
from services.catalog.store.tables import CommentRow, LikenessRow, RepositoryRow, VersionRow
from services.common import rpc
from services.common.database import Database
from services.common.errors import Conflict
from services.common.objects import ObjectStore
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import catalog_pb2_grpc

# ruff: noqa: N802 - the contract's names


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """Repositories, versions, people's marks and search, for the caller of the signed identity."""

    def __init__(self, database: Database, objects: ObjectStore, search: VoiceSearch, prices: Prices) -> None:
        self._database, self._objects, self._search, self._prices = database, objects, search, prices

    def CreateRepository(
        self, request: pb.CreateRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.CreateRepositoryResponse:
        """An empty repository of the caller; Conflict if it is there already."""
        identity = rpc.caller()
        require_account(identity)
        check_repository(request.owner, request.name)
        visibility = messages.visibility_from(request.visibility)
        with self._database.write() as session:
            if not access.may_create(session, identity, request.owner):
                raise not_yours(request.owner)
            if repositories.named(session, request.owner, request.name) is not None:
                raise Conflict(f"{request.owner}/{request.name} exists already.", hint="Choose another name.")
            row = repositories.create(session, request.owner, request.name, visibility)
            return pb.CreateRepositoryResponse(repository=shown(session, identity, [row])[0])

    def GetRepository(
        self, request: pb.GetRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.GetRepositoryResponse:
        """A repository that the caller may read."""
        identity = rpc.caller()
        with self._database.read() as session:
            row = repositories.readable(session, identity, request.owner, request.name)
            return pb.GetRepositoryResponse(repository=shown(session, identity, [row])[0])

    def ListRepositories(
        self, request: pb.ListRepositoriesRequest, context: grpc.ServicerContext
    ) -> pb.ListRepositoriesResponse:
        """Readable repositories, newest first; of one owner or of all."""
        identity = rpc.caller()
        with self._database.read() as session:
            page = paging.page_after(session, "repositories", request.page, (RepositoryRow.id, RepositoryRow.sequence))
            rows = repositories.page_of(session, identity, request.owner, page)
            items, cursor = paging.split("repositories", page, rows, lambda row: row.id)
            found = shown(session, identity, items)
        return pb.ListRepositoriesResponse(repositories=found, next_cursor=cursor)

    def UpdateRepository(
        self, request: pb.UpdateRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.UpdateRepositoryResponse:
        """Changes the visibility; needs the role admin."""
        identity, visibility = rpc.caller(), request.visibility
        with self._database.write() as session:
            row = repositories.readable(session, identity, request.owner, request.name)
            access.require(session, identity, row, Role.ADMIN)
            if visibility != pb.VISIBILITY_UNSPECIFIED:
                if visibility == pb.VISIBILITY_PUBLIC:
                    forks.check_widening(session, identity, row)
                row.visibility = messages.visibility_from(visibility).value
                repositories.mark_stale(session, row.id)
                likenesses.note_head(session, row)
            return pb.UpdateRepositoryResponse(repository=shown(session, identity, [row])[0])

    def CreateVersion(
        self, request: pb.CreateVersionRequest, context: grpc.ServicerContext
    ) -> pb.CreateVersionResponse:
        """A new immutable version, PUSHED; it joins the road in the same transaction. Or a mere check of it."""
        if request.check_only:
            with self._database.read() as session:
                pushing.check(session, rpc.caller(), request)
            return pb.CreateVersionResponse()
        with self._database.write() as session:
            row = pushing.push(session, self._objects, rpc.caller(), request)
            parts = versions.parts_of(session, row.id)
            return pb.CreateVersionResponse(version=messages.version(row, request.owner, request.name, parts))

    def GetVersion(self, request: pb.GetVersionRequest, context: grpc.ServicerContext) -> pb.GetVersionResponse:
        """A version with all its parts, or in brief."""
        identity = rpc.caller()
        with self._database.read() as session:
            if request.brief:
                found = hearing.find(session, identity, request.owner, request.name, request.ref)
                return pb.GetVersionResponse(version=messages.brief_version(found))
            repository = repositories.readable(session, identity, request.owner, request.name)
            row = versions.resolve(session, repository, request.ref)
            parts = versions.parts_of(session, row.id)
            return pb.GetVersionResponse(version=messages.version(row, repository.owner, repository.name, parts))

    def ListVersions(self, request: pb.ListVersionsRequest, context: grpc.ServicerContext) -> pb.ListVersionsResponse:
        """Versions, newest first, without tensors, files, samples and findings: GetVersion has them."""
        with self._database.read() as session:
            page = paging.page_after(session, "versions", request.page, (VersionRow.id, VersionRow.sequence))
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = versions.page_of(session, repository, page)
        items, cursor = paging.split("versions", page, rows, lambda row: row.id)
        shown = [messages.version(row, repository.owner, repository.name, versions.Parts()) for row in items]
        return pb.ListVersionsResponse(versions=shown, next_cursor=cursor)

    def EraseVersion(self, request: pb.EraseVersionRequest, context: grpc.ServicerContext) -> pb.EraseVersionResponse:
        """A tombstone is left."""
        with self._database.write() as session:
            row, fallen = erasing.erase(session, rpc.caller(), request)
            shown = messages.version(row, request.owner, request.name, versions.Parts())
            lost = erasing.shown(session, rpc.caller(), fallen)
        return pb.EraseVersionResponse(version=shown, refs=lost)

    def ResolveDownload(
        self, request: pb.ResolveDownloadRequest, context: grpc.ServicerContext
    ) -> pb.ResolveDownloadResponse:
        """Whether the caller may have these bytes as part of this version."""
        identity = rpc.caller()
        with self._database.read() as session:
            found = downloads.resolve(session, identity, request)
        if found.counts:
            with self._database.write() as session:
                people.count_pull(session, identity, found.repository_id, found.version_id, self._prices)
        return found.response

    def SearchVoices(self, request: pb.SearchVoicesRequest, context: grpc.ServicerContext) -> pb.SearchVoicesResponse:
        """Published voices that the caller may read."""
        return self._search.search(rpc.caller(), request)

    def SuggestQueries(
        self, request: pb.SuggestQueriesRequest, context: grpc.ServicerContext
    ) -> pb.SuggestQueriesResponse:
        """What a query may become."""
        return self._search.suggest(rpc.caller(), request)

    def ListSimilarVoices(
        self, request: pb.ListSimilarVoicesRequest, context: grpc.ServicerContext
    ) -> pb.ListSimilarVoicesResponse:
        """Voices that sound like one that the caller may read."""
        return self._search.similar(rpc.caller(), request)

    def SearchBySound(
        self, request: pb.SearchBySoundRequest, context: grpc.ServicerContext
    ) -> pb.SearchBySoundResponse:
        """Voices that sound like an embedding."""
        return self._search.by_sound(rpc.caller(), request)

    def SetProtection(
        self, request: pb.SetProtectionRequest, context: grpc.ServicerContext
    ) -> pb.SetProtectionResponse:
        """Protects a voice, or stops that."""
        identity = rpc.caller()
        with self._database.write() as session:
            row = likenesses.protect(session, identity, request)
            return pb.SetProtectionResponse(repository=shown(session, identity, [row])[0])

    def ListLikenesses(
        self, request: pb.ListLikenessesRequest, context: grpc.ServicerContext
    ) -> pb.ListLikenessesResponse:
        """What came too close, newest first; for the owner."""
        identity = rpc.caller()
        with self._database.read() as session:
            page = paging.page_after(session, "likenesses", request.page, (LikenessRow.id, LikenessRow.sequence))
            rows = likenesses.page_of(session, identity, request, page)
            items, cursor = paging.split("likenesses", page, rows, lambda row: row.id)
            shown = likenesses.shown(session, identity, items)
        return pb.ListLikenessesResponse(likenesses=shown, next_cursor=cursor)

    def SetStar(self, request: pb.SetStarRequest, context: grpc.ServicerContext) -> pb.SetStarResponse:
        """Gives or takes back a star."""
        identity = rpc.caller()
        with self._database.write() as session:
            row = people.set_star(session, identity, request)
            return pb.SetStarResponse(repository=shown(session, identity, [row])[0])

    def ListComments(self, request: pb.ListCommentsRequest, context: grpc.ServicerContext) -> pb.ListCommentsResponse:
        """Comments, newest first."""
        with self._database.read() as session:
            page = paging.page_after(session, "comments", request.page, (CommentRow.id, CommentRow.sequence))
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = people.comments_of(session, repository, page)
        items, cursor = paging.split("comments", page, rows, lambda row: row.id)
        return pb.ListCommentsResponse(comments=[messages.comment(row) for row in items], next_cursor=cursor)

    def CreateComment(
        self, request: pb.CreateCommentRequest, context: grpc.ServicerContext
    ) -> pb.CreateCommentResponse:
        """Writes a comment."""
        with self._database.write() as session:
            return pb.CreateCommentResponse(comment=messages.comment(people.comment(session, rpc.caller(), request)))

    def ReportRepository(
        self, request: pb.ReportRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.ReportRepositoryResponse:
        """Notes a report."""
        with self._database.write() as session:
            return pb.ReportRepositoryResponse(report_id=people.report(session, rpc.caller(), request))
