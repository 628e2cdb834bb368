# ruff: noqa: N802 - methods are named by the contract
"""The other services' contracts over a handful of fixed records, so that the REST surface can be tested alone.

Calls go over real gRPC on loopback, identities are signed and verified; only what a service knows is fixed here.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc

from services.common import rpc
from services.common.clock import now, to_timestamp
from services.common.errors import Conflict, Forbidden, NotFound, TooMany, Unavailable, Unprocessable
from services.common.identity import Verifier
from services.common.objects import Area, ObjectStore
from services.gateway.tests.batches import FixedBatches
from services.stubs.voicehub.catalog.v1 import access_pb2 as access
from services.stubs.voicehub.catalog.v1 import access_pb2_grpc as access_grpc
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.catalog.v1 import catalog_pb2_grpc as catalog_grpc
from services.stubs.voicehub.common.v1 import common_pb2 as common
from services.stubs.voicehub.inference.v1 import batch_pb2 as batch
from services.stubs.voicehub.inference.v1 import batch_pb2_grpc as batch_grpc
from services.stubs.voicehub.inference.v1 import inference_pb2 as inference
from services.stubs.voicehub.inference.v1 import inference_pb2_grpc as inference_grpc
from services.stubs.voicehub.scanner.v1 import scanner_pb2 as scanner
from services.stubs.voicehub.scanner.v1 import scanner_pb2_grpc as scanner_grpc
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as trainer
from services.stubs.voicehub.trainer.v1 import trainer_pb2_grpc as trainer_grpc

BIG = bytes(range(256)) * 1024
JOB = "0" * 31 + "1"
BASE = "b" * 64


def wav(seconds: float = 0.2, rate: int = 16_000) -> bytes:
    """A quiet square tone as 16-bit mono WAV."""
    frames = b"".join(struct.pack("<h", 2000 if (i // 40) % 2 else -2000) for i in range(int(seconds * rate)))
    head = struct.pack(
        "<4sI8sIHHIIHH4sI",
        b"RIFF",
        36 + len(frames),
        b"WAVEfmt ",
        16,
        1,
        1,
        rate,
        rate * 2,
        2,
        16,
        b"data",
        len(frames),
    )
    return head + frames


@dataclass
class World:
    """What the fixed services know."""

    objects: ObjectStore
    repositories: dict[tuple[str, str], catalog.Repository] = field(default_factory=dict)
    versions: dict[tuple[str, str], list[catalog.Version]] = field(default_factory=dict)
    comments: dict[tuple[str, str], list[catalog.Comment]] = field(default_factory=dict)
    stars: set[tuple[str, str, str]] = field(default_factory=set)
    requests: list[object] = field(default_factory=list)
    batch_voices: list[batch.BatchVoice] = field(
        default_factory=lambda: [batch.BatchVoice(name="anna/narrator", total=3, done=2, failed=1)]
    )
    waiting: threading.Event = field(default_factory=threading.Event)
    organisations: dict[str, dict[str, str]] = field(default_factory=dict)
    """Roles by organisation and account."""
    silent: threading.Event = field(default_factory=threading.Event)
    """Deletes organisations and does not answer."""
    deaf: threading.Event = field(default_factory=threading.Event)
    """Does not answer, and deletes none."""

    def add_voice(self, owner: str, name: str, *, private: bool = False) -> catalog.Version:
        """A published voice with a sample, a big object and a finding."""
        tone, big = (self.objects.put(Area.SERVED, [data]) for data in (wav(), BIG))
        version = catalog.Version(
            id=f"{len(self.versions) + 1:032x}",
            owner=owner,
            name=name,
            author=owner,
            message="first",
            create_time=to_timestamp(now()),
            state=catalog.VERSION_STATE_PUBLISHED,
            declaration=common.Declaration(source="made for a test", license="CC0-1.0", consent="self"),
            family="nano",
            tensors=[common.Tensor(name="s1/w", dtype="float32", shape=[256, 256], digest=big.digest, size=big.size)],
            bundle=[catalog.ExportFile(path="s2.onnx", object=common.ObjectRef(digest=big.digest, size=big.size))],
            samples=[
                catalog.Sample(
                    text="The ferry leaves at seven.",
                    language="en",
                    object=common.ObjectRef(digest=tone.digest, size=tone.size),
                    seconds=0.2,
                )
            ],
            verdict="clean",
            findings=[
                common.Finding(
                    rule="optimizer", place="s1.ckpt", severity="info", message_en="Left out.", message_zh="已略去。"
                )
            ],
            requires={"content_encoder": BASE},
            description_en="Middle-aged man, native English, slightly hoarse, narrating",
            description_zh="中年男性，英语母语，略带沙哑，叙事风格",
        )
        card = {
            "languages": ["en"],
            "gender": "male",
            "age": "middle",
            "persona": "narrator",
            "license": "CC0-1.0",
            "declared": ["age", "gender"],
        }
        version.card.update(card | {"measured": {"seconds": {"value": 44.1, "unit": "s", "how": "length"}}})
        version.figures.update({"similarity": 0.8125})
        kind = catalog.VISIBILITY_PRIVATE if private else catalog.VISIBILITY_PUBLIC
        repository = catalog.Repository(
            id=version.id, owner=owner, name=name, visibility=kind, create_time=to_timestamp(now()), head=version.id
        )
        self.repositories[owner, name] = repository
        self.versions[owner, name] = [version]
        return version

    def repository(self, owner: str, name: str) -> catalog.Repository:
        """The repository, if the caller may see it."""
        found = self.repositories.get((owner, name))
        if found is None or (found.visibility == catalog.VISIBILITY_PRIVATE and rpc.caller().account != owner):
            raise NotFound("There is no such voice.", hint="Check the spelling.")
        shown = catalog.Repository()
        shown.CopyFrom(found)
        shown.stars = sum(star[:2] == (owner, name) for star in self.stars)
        shown.starred_by_caller = (owner, name, rpc.caller().account) in self.stars
        return shown

    def version(self, owner: str, name: str, ref: str) -> catalog.Version:
        """The version of a ref."""
        self.repository(owner, name)
        for version in self.versions[owner, name]:
            if ref in ("", "main", version.id):
                return version
        raise NotFound("There is no such version.", hint="Check the ref.")


class Catalog(catalog_grpc.CatalogServiceServicer):
    """Enough of the catalog's contract."""

    def __init__(self, world: World) -> None:
        self.world = world

    def GetRepository(
        self, request: catalog.GetRepositoryRequest, context: grpc.ServicerContext
    ) -> catalog.GetRepositoryResponse:
        return catalog.GetRepositoryResponse(repository=self.world.repository(request.owner, request.name))

    def CreateRepository(
        self, request: catalog.CreateRepositoryRequest, context: grpc.ServicerContext
    ) -> catalog.CreateRepositoryResponse:
        if rpc.caller().account != request.owner:
            raise Forbidden("Only the owner writes.", hint="Use your own account.")
        self.world.add_voice(request.owner, request.name, private=request.visibility == catalog.VISIBILITY_PRIVATE)
        return catalog.CreateRepositoryResponse(repository=self.world.repository(request.owner, request.name))

    def UpdateRepository(
        self, request: catalog.UpdateRepositoryRequest, context: grpc.ServicerContext
    ) -> catalog.UpdateRepositoryResponse:
        self.world.repository(request.owner, request.name)
        if rpc.caller().account != request.owner:
            raise Forbidden("Only the owner writes.", hint="Fork it.")
        self.world.repositories[request.owner, request.name].visibility = request.visibility
        return catalog.UpdateRepositoryResponse(repository=self.world.repository(request.owner, request.name))

    def ReportRepository(
        self, request: catalog.ReportRepositoryRequest, context: grpc.ServicerContext
    ) -> catalog.ReportRepositoryResponse:
        self.world.repository(request.owner, request.name)
        self.world.requests.append(request)
        if request.reason == "wait":
            self.world.waiting.wait(60)
        return catalog.ReportRepositoryResponse(report_id="f" * 32)

    def ListRepositories(
        self, request: catalog.ListRepositoriesRequest, context: grpc.ServicerContext
    ) -> catalog.ListRepositoriesResponse:
        mine = [r for r in self.world.repositories.values() if r.owner == (request.owner or r.owner)]
        seen = [r for r in mine if r.visibility == catalog.VISIBILITY_PUBLIC or r.owner == rpc.caller().account]
        return catalog.ListRepositoriesResponse(repositories=seen)

    def EraseVersion(
        self, request: catalog.EraseVersionRequest, context: grpc.ServicerContext
    ) -> catalog.EraseVersionResponse:
        self.world.requests.append(request)
        return catalog.EraseVersionResponse(version=catalog.Version(id=request.version))

    def CreateVersion(
        self, request: catalog.CreateVersionRequest, context: grpc.ServicerContext
    ) -> catalog.CreateVersionResponse:
        if rpc.caller().account != request.owner:
            raise Forbidden("Only the owner writes.", hint="Fork it.")
        self.world.requests.append(request)
        version = self.world.add_voice(request.owner, request.name)
        version.state = catalog.VERSION_STATE_PUSHED
        return catalog.CreateVersionResponse(version=version)

    def GetVersion(
        self, request: catalog.GetVersionRequest, context: grpc.ServicerContext
    ) -> catalog.GetVersionResponse:
        return catalog.GetVersionResponse(version=self.world.version(request.owner, request.name, request.ref))

    def ListVersions(
        self, request: catalog.ListVersionsRequest, context: grpc.ServicerContext
    ) -> catalog.ListVersionsResponse:
        self.world.repository(request.owner, request.name)
        return catalog.ListVersionsResponse(versions=self.world.versions[request.owner, request.name])

    def ResolveDownload(
        self, request: catalog.ResolveDownloadRequest, context: grpc.ServicerContext
    ) -> catalog.ResolveDownloadResponse:
        version = self.world.version(request.owner, request.name, request.version)
        listed = {f.object.digest: (f.object, "s2.onnx", "application/octet-stream") for f in version.bundle}
        listed |= {s.object.digest: (s.object, "样本.wav", "audio/wav") for s in version.samples}
        if request.digest not in listed:
            raise NotFound("This version has no such object.", hint="List its files.")
        found, filename, media = listed[request.digest]
        return catalog.ResolveDownloadResponse(object=found, media_type=media, filename=filename)

    def SuggestQueries(
        self, request: catalog.SuggestQueriesRequest, context: grpc.ServicerContext
    ) -> catalog.SuggestQueriesResponse:
        return catalog.SuggestQueriesResponse(suggestions=[f"{request.prefix}…", f"{request.prefix} narrator"])

    def ListSimilarVoices(
        self, request: catalog.ListSimilarVoicesRequest, context: grpc.ServicerContext
    ) -> catalog.ListSimilarVoicesResponse:
        self.world.repository(request.owner, request.name)
        return catalog.ListSimilarVoicesResponse(unavailable="No speaker embedding.")

    def SearchBySound(
        self, request: catalog.SearchBySoundRequest, context: grpc.ServicerContext
    ) -> catalog.SearchBySoundResponse:
        self.world.requests.append(request)
        (owner, name), versions = next(iter(self.world.versions.items()))
        hit = catalog.Hit(repository=self.world.repository(owner, name), version=versions[0].id, score=0.9)
        return catalog.SearchBySoundResponse(hits=[hit])

    def SetProtection(
        self, request: catalog.SetProtectionRequest, context: grpc.ServicerContext
    ) -> catalog.SetProtectionResponse:
        found = self.world.repository(request.owner, request.name)
        found.protected = request.protected
        return catalog.SetProtectionResponse(repository=found)

    def ListLikenesses(
        self, request: catalog.ListLikenessesRequest, context: grpc.ServicerContext
    ) -> catalog.ListLikenessesResponse:
        self.world.repository(request.owner, request.name)
        return catalog.ListLikenessesResponse(
            likenesses=[
                catalog.Likeness(
                    id="0" * 32, owner="bob", name="twin", protected_owner=request.owner, protected_name=request.name,
                    similarity=0.91, create_time=to_timestamp(now()),
                )
            ]
        )  # fmt: skip

    def SearchVoices(
        self, request: catalog.SearchVoicesRequest, context: grpc.ServicerContext
    ) -> catalog.SearchVoicesResponse:
        hits = [
            catalog.Hit(
                repository=self.world.repository(*key),
                version=versions[0].id,
                description_zh=versions[0].description_zh,
                description_en=versions[0].description_en,
                tags=["en", "male", "middle", "narration"],
                language="en",
                score=1.0,
                sample=versions[0].samples[0],
            )
            for key, versions in self.world.versions.items()
            if self.world.repositories[key].visibility == catalog.VISIBILITY_PUBLIC
        ]
        if not request.query:
            return catalog.SearchVoicesResponse(hits=hits, total=len(hits))
        chips = [catalog.Chip(key="language", value="en", without="male narrator")]
        if "gender:male" in request.query:
            chips.append(catalog.Chip(key="gender", value="male", without="male"))
        facets = [catalog.FacetCount(key="gender", value="male", count=len(hits))]
        facets.append(catalog.FacetCount(key="gender", value="female", count=1))
        self.world.requests.append(request)
        if not request.forks:
            hits = hits[:1]
            hits[0].forks = 1
        hits[0].highlights.append(hits[0].description_en.split(" ")[0])
        return catalog.SearchVoicesResponse(
            hits=hits, total=len(hits), understood={"language": "en"}, chips=chips, facets=facets
        )

    def SetStar(self, request: catalog.SetStarRequest, context: grpc.ServicerContext) -> catalog.SetStarResponse:
        self.world.repository(request.owner, request.name)
        star = (request.owner, request.name, rpc.caller().account)
        (self.world.stars.add if request.starred else self.world.stars.discard)(star)
        return catalog.SetStarResponse(repository=self.world.repository(request.owner, request.name))

    def ListComments(
        self, request: catalog.ListCommentsRequest, context: grpc.ServicerContext
    ) -> catalog.ListCommentsResponse:
        self.world.repository(request.owner, request.name)
        return catalog.ListCommentsResponse(comments=self.world.comments.get((request.owner, request.name), []))

    def CreateComment(
        self, request: catalog.CreateCommentRequest, context: grpc.ServicerContext
    ) -> catalog.CreateCommentResponse:
        self.world.repository(request.owner, request.name)
        kept = self.world.comments.setdefault((request.owner, request.name), [])
        comment = catalog.Comment(
            id=f"{len(kept):032x}", author=rpc.caller().account, text=request.text, create_time=to_timestamp(now())
        )
        kept.append(comment)
        return catalog.CreateCommentResponse(comment=comment)


class Trainer(trainer_grpc.TrainerServiceServicer):
    """One job, of whoever asks for it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def CreateJob(self, request: trainer.CreateJobRequest, context: grpc.ServicerContext) -> trainer.CreateJobResponse:
        if not request.transcript:
            raise Unprocessable(
                "There is no transcript.", hint="Write what is said.", fields={"transcript": "is empty"}
            )
        self.world.requests.append(request)
        return trainer.CreateJobResponse(job=self._job(trainer.JOB_STATE_QUEUED))

    def GetJob(self, request: trainer.GetJobRequest, context: grpc.ServicerContext) -> trainer.GetJobResponse:
        if request.id != JOB:
            raise NotFound("There is no such job.", hint="List your jobs.")
        return trainer.GetJobResponse(job=self._job(trainer.JOB_STATE_SUCCEEDED))

    def ListJobs(self, request: trainer.ListJobsRequest, context: grpc.ServicerContext) -> trainer.ListJobsResponse:
        return trainer.ListJobsResponse(jobs=[self._job(trainer.JOB_STATE_SUCCEEDED)])

    def WatchJob(
        self, request: trainer.WatchJobRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer.WatchJobResponse]:
        while request.after_sequence > 4 and context.is_active():  # nothing happens
            time.sleep(0.02)
        for sequence, step in enumerate(("check", "clean", "train", "push"), start=1):
            if sequence > request.after_sequence:
                progress = trainer.Progress(
                    sequence=sequence, step=step, fraction=1.0, message=f"{step} done", figures={"loss": 0.5}
                )
                yield trainer.WatchJobResponse(job=self._job(trainer.JOB_STATE_RUNNING), progress=progress)
        yield trainer.WatchJobResponse(job=self._job(trainer.JOB_STATE_SUCCEEDED))

    def EmbedSpeech(
        self, request: trainer.EmbedSpeechRequest, context: grpc.ServicerContext
    ) -> trainer.EmbedSpeechResponse:
        if not request.clip.startswith(b"RIFF"):
            raise Unprocessable("No audio can be read from this file.", hint="Send a WAV.", reason="NOT_AUDIO")
        return trainer.EmbedSpeechResponse(embedding=[0.6, 0.8], seconds=2.5)

    def CancelJob(self, request: trainer.CancelJobRequest, context: grpc.ServicerContext) -> trainer.CancelJobResponse:
        return trainer.CancelJobResponse(job=self._job(trainer.JOB_STATE_CANCELLED))

    def ResumeJob(self, request: trainer.ResumeJobRequest, context: grpc.ServicerContext) -> trainer.ResumeJobResponse:
        return trainer.ResumeJobResponse(job=self._job(trainer.JOB_STATE_RUNNING))

    def _job(self, state: trainer.JobState.ValueType) -> trainer.Job:
        return trainer.Job(
            id=JOB, owner=rpc.caller().account, name="narrator", state=state, create_time=to_timestamp(now())
        )


class Scanner(scanner_grpc.ScannerServiceServicer):
    """A report for every version."""

    def GetReport(self, request: scanner.GetReportRequest, context: grpc.ServicerContext) -> scanner.GetReportResponse:
        finding = common.Finding(
            rule="pickle-call", place="s2.pth:archive/data.pkl@17", severity="critical", message_en="A call."
        )
        report = scanner.Report(
            version_id=request.version_id, verdict="malicious", findings=[finding], rules_version="1"
        )
        return scanner.GetReportResponse(report=report)


class Inference(inference_grpc.InferenceServiceServicer):
    """Speaks a tone; one base."""

    def __init__(self, world: World) -> None:
        self.world = world

    def SynthesizeStream(
        self, request: inference.SynthesizeStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[inference.SynthesizeStreamResponse]:
        """Three parts of a WAV; a text that begins with `refuse`, `think`, `break` or `wait` does so."""
        said, part = request.utterance.text, inference.SynthesizeStreamResponse
        self.world.requests.append(request)
        if said.startswith("refuse"):
            raise TooMany("The line is full.", hint="Come back.", reason="ACCOUNT_LINE_FULL")
        if said.startswith("think"):
            self.world.waiting.wait(30)
        whole, content = request.delivery == request.DELIVERY_FILE, wav()
        assert request.together
        start = part(
            start=inference.SynthesisStart(
                media_type="audio/wav",
                sample_rate=16_000,
                voice_version=request.utterance.version_id,
                label='{"Label": "1", "ProduceID": "语"}',
                label_place="file",
                provenance="c2pa" if whole else "none: a stream cannot be signed before it ends",
                size=len(content) if whole else 0,
                seconds=0.2 if whole else 0.0,
                left_out=[word for word in said.split() if not word.isascii()],
            )
        )
        word = part(words=inference.SpokenWords(words=[inference.SpokenWord(text="hello", start=0.01, end=0.19)]))
        third = len(content) // 3
        parts = [part(audio=content[:third]), part(audio=content[third : 2 * third]), part(audio=content[2 * third :])]
        yield _together(start, word, *parts) if whole else _together(start, parts[0])
        if not whole:
            yield parts[1]
        if said.startswith("break"):
            raise Unprocessable("The voice broke off.", hint="Choose another text.", reason="BROKE_OFF")
        if said.startswith("wait"):
            self.world.waiting.wait(30)
        facts = part(facts=inference.SynthesisFacts(seconds=0.2, tokens=5, characters=len(said)))
        yield facts if whole else _together(parts[2], word, facts)

    def Synthesize(
        self, request: inference.SynthesizeRequest, context: grpc.ServicerContext
    ) -> inference.SynthesizeResponse:
        return inference.SynthesizeResponse(wav=wav(), sample_rate=16_000, seconds=0.2)

    def ListBases(
        self, request: inference.ListBasesRequest, context: grpc.ServicerContext
    ) -> inference.ListBasesResponse:
        base = inference.Base(
            digest=BASE,
            name="nano",
            kind="content_encoder",
            family="nano",
            languages=["en"],
            quality_en="A small demonstration base: speech is understandable, not studio quality.",
            quality_zh="小型演示底模：语音可懂，但达不到录音棚质量。",
            license="Apache-2.0",
            default=True,
        )
        return inference.ListBasesResponse(bases=[base])


class Organisations(access_grpc.OrganisationServiceServicer):
    """Organisations without repositories; one whose name begins with `owner` has some."""

    def __init__(self, world: World) -> None:
        self._members, self._silent, self._deaf = world.organisations, world.silent, world.deaf

    def CreateOrganisation(
        self, request: access.CreateOrganisationRequest, context: grpc.ServicerContext
    ) -> access.CreateOrganisationResponse:
        if request.name in self._members:
            raise Conflict("It is there.", reason="NAME_TAKEN")
        self._members[request.name] = {rpc.caller().account: "admin"}
        return access.CreateOrganisationResponse(organisation=access.Organisation(name=request.name, role="admin"))

    def ListOrganisations(
        self, request: access.ListOrganisationsRequest, context: grpc.ServicerContext
    ) -> access.ListOrganisationsResponse:
        roles = {name: members.get(rpc.caller().account, "") for name, members in self._members.items()}
        mine = [access.Organisation(name=name, role=role) for name, role in roles.items() if role]
        return access.ListOrganisationsResponse(organisations=mine)

    def ListMembers(
        self, request: access.ListMembersRequest, context: grpc.ServicerContext
    ) -> access.ListMembersResponse:
        self._role(request.organisation)
        members = self._members[request.organisation].items()
        return access.ListMembersResponse(members=[access.Grant(account=name, role=role) for name, role in members])

    def SetMember(self, request: access.SetMemberRequest, context: grpc.ServicerContext) -> access.SetMemberResponse:
        self._members[request.organisation][request.grant.account] = request.grant.role
        return access.SetMemberResponse(grant=request.grant)

    def RemoveMember(
        self, request: access.RemoveMemberRequest, context: grpc.ServicerContext
    ) -> access.RemoveMemberResponse:
        del self._members[request.organisation][request.account]
        return access.RemoveMemberResponse()

    def DeleteOrganisation(
        self, request: access.DeleteOrganisationRequest, context: grpc.ServicerContext
    ) -> access.DeleteOrganisationResponse:
        if self._role(request.name) != "admin":
            raise Forbidden("You do not lead it.", reason="ROLE_MISSING")
        if self._deaf.is_set():
            raise Unavailable("It restarts.")
        if request.name.startswith("owner"):
            raise Conflict("It still owns repositories.", reason="ORGANISATION_OWNS")
        del self._members[request.name]
        if self._silent.is_set():
            raise Unavailable("The connection was lost.")
        return access.DeleteOrganisationResponse()

    def _role(self, organisation: str) -> str:
        found = self._members.get(organisation, {}).get(rpc.caller().account, "")
        if not found:
            raise NotFound("You belong to no such organisation.", reason="ORGANISATION_NOT_FOUND")
        return found


def _together(
    first: inference.SynthesizeStreamResponse, *more: inference.SynthesizeStreamResponse
) -> inference.SynthesizeStreamResponse:
    first.more.extend(more)
    return first


def serve(world: World, verifier: Verifier, address: str) -> grpc.Server:
    """All four services on one address."""

    def register(server: grpc.Server) -> None:
        catalog_grpc.add_CatalogServiceServicer_to_server(Catalog(world), server)
        access_grpc.add_OrganisationServiceServicer_to_server(Organisations(world), server)
        trainer_grpc.add_TrainerServiceServicer_to_server(Trainer(world), server)
        scanner_grpc.add_ScannerServiceServicer_to_server(Scanner(), server)
        inference_grpc.add_InferenceServiceServicer_to_server(Inference(world), server)
        batch_grpc.add_BatchServiceServicer_to_server(
            FixedBatches(world.objects, world.requests, world.batch_voices), server
        )

    return rpc.make_server(address, verifier, register, [])
