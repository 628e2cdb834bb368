from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from click.testing import CliRunner, Result
from rich.console import Console

import voicescan
from voicehub import home
from voicehub.cache import Cache
from voicehub.cli.main import cli
from voicehub.cli.output import Output
from voicehub.errors import Refused
from voicehub.models import Version
from voicehub.names import parse_name
from voicehub.pruning import held
from voicehub.tests.hub import Hub

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"
DECLARED = ("--source", "mine", "--license", "CC0-1.0", "--consent", "self")


def _run(*arguments: str, **options: Any) -> Result:
    result = CliRunner().invoke(cli, list(arguments), **options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_light_import_needs_no_heavy_package() -> None:
    code = (
        "import sys, voicehub, voicehub.cli.main;"
        "heavy = {'torch','onnxruntime','grpc','flask','safetensors','soundfile','gptsovits','voicescan'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("search",), 2),
        (("info", "nonsense"), 2),
        (("--hub", "x"), 2),
        (("push", "a/b", "weights.bin", *DECLARED), 2),
        (("push", "a/b", "x.pth", "--prompt-language", "xx", *DECLARED), 2),
        (("push", "a/b", "x.pth"), 4),
        (("push", "a/b", "absent.pth", *DECLARED), 1),
        (("push", "a/b", "x.pth", "--card", "absent.yaml"), 5),
        (("search", "x", "--hub", "http://127.0.0.1:9"), 3),
        (("search", "x", "--hub", "ftp://nowhere"), 2),
        (("search", "x", "--hub", "http://127.0.0.1:abc"), 2),
        (("search", "x", "--hub", "http://[::1"), 2),
        (("train", "a/b", "absent.wav", "-t", "x", "-l", "en", *DECLARED), 1),
        (("train", "a/b", "absent.wav", "-t", "@absent.txt", "-l", "en"), 4),
        (("say", "a/b"), 2),
        (("say", "a/b", "hi", "--raw"), 2),
        (("say", "a/b", "hi", "--ssml"), 2),
        (("say", "a/b", "hi", "--on-hub"), 2),
        (("say", "a/b", "hi", "--on-hub", "-o", "x.doc"), 2),
        (("say", "a/b", "hi", "--on-hub", "-o", "x.mp3", "--hub", "http://127.0.0.1:9"), 3),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_goes_wrong_is_said_without_a_traceback(arguments: tuple[str, ...], code: int, as_json: bool) -> None:
    result = _run(*arguments, *(["--json"] if as_json else []))
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    if as_json and code != 2:
        problem = json.loads(result.stdout)
        assert problem["exit_code"] == code
        assert problem["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--seed", "-1"), ("--seed", "1.5"), ("--speed", "0"), ("--speed", "nan"), ("--speed", "-inf"),
        ("--threads", "0"), ("--early-stop", "-5"), ("--noise-scale", "nan"), ("--noise-scale", "-1"),
        ("--noise-scale", "inf"), ("--on-hub", "--seed", "-2"),
    ],
)  # fmt: skip
def test_a_number_that_cannot_be_spoken_with_is_refused_before_anything_is_asked(wrong: tuple[str, ...]) -> None:
    """The seed -1 ended with a traceback once the voice was loaded, and nan was a speed between 0.25 and 4."""
    result = _run("say", "a/b", "hi", "-o", "x.wav", "--hub", "http://127.0.0.1:9", *wrong)
    assert result.exit_code == 2, result.output
    assert wrong[-1].lstrip("-") in result.stderr
    assert any(told in result.stderr for told in ("is not in the range", "Give 0 or more", "valid integer"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("  ",), 2, "What shall be said?"),
        (("hi", "-o", "speech"), 2, "Write -o speech.wav."),
        (("hi", "-o", "speech.doc"), 2, "Write -o speech.wav."),
        (("hi", "-o", "folder"), 2, "is a directory"),
        (("hi", "-o", "."), 2, "is a directory"),
        (("hi", "-o", "new/"), 2, "Write -o new.wav."),
        (("--features", "x.safetensors", "--raw", "-o", "speech.wav"), 2, "Write -o speech.npy."),
        (("--features", "absent"), 1, "There is no file absent."),
        (("--features", "folder"), 1, "There is no file folder."),
        (("--features", "x.safetensors", "--noise", "absent"), 1, "There is no file absent."),
        (("hi", "--noise", "x.safetensors"), 2, "--noise is for --features."),
        (("hi", "--greedy"), 2, "--greedy is for --features."),
        (("hi", "--early-stop", "5"), 2, "--early-stop is for --features."),
        (("hi", "--early-stop", "-1"), 2, "--early-stop is for --features."),
        (("hi", "--noise-scale", "0.9"), 2, "--noise-scale is for --features."),
        (("hi", "--on-hub", "-o", "x.wav", "--greedy"), 2, "--greedy is for --features."),
        (("hi", "--on-hub", "-o", "x.wav", "--raw"), 2, "--raw is for --features."),
        (("hi", "--on-hub", "-o", "x.wav", "--noise", "absent"), 2, "--noise is for --features."),
        (("hi", "--format", "mp3", "-o", "x.wav"), 2, "--format is for --on-hub."),
        (("--features", "x.safetensors", "--speed", "2"), 2, "--speed is for a text."),
        (("--features", "x.safetensors", "--language", "zh"), 2, "--language is for a text."),
        (("hi", "-o", "x.safetensors/y.wav"), 2, "x.safetensors is no folder to write to."),
        (("hi", "-o", "x.safetensors/new/y.wav"), 2, "x.safetensors is no folder to write to."),
        (("hi", "--on-hub", "-o", "x.safetensors/y.wav"), 2, "x.safetensors is no folder to write to."),
        (("hi", "-o", "folder/new/y.wav"), 3, "http://127.0.0.1:9"),
        (("hi", "-o", "away.wav"), 3, "http://127.0.0.1:9"),
        (("hi", "--on-hub", "-o", "pipe.wav", "--speed", "2", "--language", "zh"), 3, "http://127.0.0.1:9"),
        (("--features", "x.safetensors", "--early-stop", "5", "--noise-scale", "0.9"), 3, "http://127.0.0.1:9"),
    ],
)
def test_what_nothing_can_be_said_with_is_told_before_anything_is_pulled(
    arguments: tuple[str, ...], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The voice was pulled and had spoken before it was told that nothing can be written to that name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.safetensors").touch()
    (tmp_path / "away.wav").symlink_to(tmp_path / "folder" / "there.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    result = _run("say", "a/b", *arguments, "--hub", "http://127.0.0.1:9")
    assert (result.exit_code, told in " ".join(result.output.split())) == (code, True), result.output


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("train", "a/b", "x.wav", "-t", " ", "-l", "en", *DECLARED), 2, "What is said in the recording?"),
        (("train", "a/b", "x.wav", "-t", "@", "-l", "en", *DECLARED), 2, "What is said in the recording?"),
        (("train", "a/b", "x.wav", "-t", "@empty.txt", "-l", "en", *DECLARED), 2, "What is said in the recording?"),
        (("train", "a/b", "x.wav", "-t", "@gbk.txt", "-l", "zh", *DECLARED), 5, "gbk.txt is no text in UTF-8."),
        (("train", "a/b", "x.wav", "-t", "@absent.txt", "-l", "en", *DECLARED), 5, "absent.txt"),
        (("finetune", "a/b", "gbk.txt"), 5, "gbk.txt is no text in UTF-8."),
        (("finetune", "a/b", "--recording", "absent.wav", *DECLARED), 1, "There is no file absent.wav."),
        (("finetune", "a/b", "lines.jsonl", *DECLARED), 1, "There is no file absent.wav."),
        (("finetune", "a/b", "lines.jsonl", "--recording", "x.wav", *DECLARED), 3, "http://127.0.0.1:9"),
        (("push", "a/b", "s1=", *DECLARED), 2, "s1= names no file."),
        (("credits", "--hub", "http://"), 2, "“http://” is no address of a hub."),
        (("credits", "--hub", "http:"), 2, "“http:” is no address of a hub."),
        (("credits", "--hub", "ftp://"), 2, "“ftp://” is no address of a hub."),
        (("credits", "--hub", " "), 2, "is no address of a hub."),
    ],
)
def test_what_cannot_be_sent_is_told_before_a_hub_is_asked(
    arguments: tuple[str, ...], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty transcript was told when the recording had been sent, and a text in another encoding without a name.

    With a recording the audio of the lines is not sent, and need not be there.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOICEHUB_URL", "http://127.0.0.1:9")
    (tmp_path / "x.wav").write_bytes(b"x")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "gbk.txt").write_bytes("你好".encode("gb18030"))
    (tmp_path / "lines.jsonl").write_text('{"text": "One.", "audio": "absent.wav"}\n')
    result = _run(*arguments)
    assert (result.exit_code, told in " ".join(result.output.split())) == (code, True), result.output


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("localhost:", "http://localhost:"),
        ("localhost:8484/", "http://localhost:8484"),
        (" hub.example ", "http://hub.example"),
        ("https://hub.example/", "https://hub.example"),
    ],
)
def test_an_address_may_be_short(given: str, url: str) -> None:
    """A port that is left out is the usual one, also behind its colon."""
    assert home.normalise(given) == url


def test_the_seed_of_a_hub_may_be_another_one_each_time(hub: Hub, tmp_path: Path) -> None:
    hub.json["/v1/synthesis"] = {}
    _run("say", "ann/tale", "hi", "--on-hub", "--seed", "-1", "-o", str(tmp_path / "x.wav"), "--hub", hub.url)
    assert [path for _, path, _ in hub.requests] == ["/v1/synthesis"]


@pytest.mark.parametrize(
    "command",
    [("batch", "x", "-v", "a/b", "--speed"), ("slim", "a", "b", "-o", "c", "--error"), ("cache", "prune", "--young")],
)
def test_nan_lies_in_no_range(command: tuple[str, ...]) -> None:
    result = _run(*command, "nan")
    assert result.exit_code == 2
    assert "nan is not in the range" in result.stderr


def test_how_long_a_prompt_shall_be_is_told_where_it_is_given() -> None:
    """GPT-SoVITS refuses others; here half a second to a minute is taken, for fine-tunes cut prompts of 2.5 seconds."""
    assert "best of 3 to 10 seconds" in " ".join(_run("push", "--help").stdout.split())


def test_scan_gives_the_reports_and_the_exit_code_of_voicescan(tmp_path: Path) -> None:
    clean, junk, bad = GOLDEN / "tiny-e15.ckpt", tmp_path / "junk.pth", tmp_path / "bad.pth"
    junk.write_bytes(b"no model")
    bad.write_bytes(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.")
    cases = {(clean,): 0, (clean, junk): 5, (clean, tmp_path / "absent"): 5, (junk, bad, clean): 1, (tmp_path,): 1}
    for paths, code in cases.items():
        answer = _run("scan", "--json", *map(str, paths))
        reports, expected = voicescan.cli_scan(paths)
        assert answer.exit_code == expected == code
        assert json.loads(answer.stdout) == reports
        assert {"path", "verdict", "findings", "format", "tensors"} <= set(reports[0])
    told = _run("scan", str(clean), str(junk), str(bad)).stdout
    assert [line[0] for line in told.splitlines() if not line.startswith(" ")] == ["✓", "✗", "✗"]
    assert "malicious" in told


def test_weights_without_their_settings_are_refused_before_they_travel(hub: Hub) -> None:
    nano = GOLDEN.parents[3] / "gptsovits" / "bases" / "nano"
    refused = _run("push", "a/b", f"s1={nano / 's1.safetensors'}", *DECLARED, "--hub", hub.url)
    assert refused.exit_code == 4
    assert "config" in refused.stderr
    assert ".ckpt" in refused.stderr
    assert not hub.requests
    told = _run("scan", str(nano / "s2.safetensors")).stdout
    assert "without the settings" in told


def test_who_erases_an_account_is_told_what_becomes_of_organisations(hub: Hub) -> None:
    hub.json["/v1/me"] = {"name": "bob"}
    asked = _run("account", "erase", "--hub", hub.url, input="nobody\n")
    assert asked.exit_code == 2
    for words in (_run("account", "erase", "--help").stdout, asked.stderr):
        assert "greatest role" in words
        assert "dissolved" in words


def test_info_tells_origin_and_archiving_in_one_language(hub: Hub) -> None:
    described = {"description_en": "A calm reader.", "description_zh": "平静的朗读者。"}
    hub.json["/v1/repos/bob/tale/versions/main"] = {"id": "a" * 32, "state": "published", **described}
    hub.json["/v1/bases"] = {"items": []}
    plain = {"owner": "bob", "name": "tale"}
    hub.json["/v1/repos/bob/tale"] = plain
    told = _run("info", "bob/tale", "--hub", hub.url).stdout
    assert "A calm reader." in told
    assert not any(word in told for word in ("平静", "forked", "archived"))
    hub.json["/v1/repos/bob/tale"] = {**plain, "archived": True, "upstream_owner": "ann", "upstream_name": "tale"}
    told = _run("info", "bob/tale", "--hub", hub.url).stdout
    assert "forked from ann/tale" in told
    assert "archived" in told


def test_info_tells_card_verdict_figures_and_sounds(hub: Hub) -> None:
    """A sound's digest is what `pr comment --sound` asks for."""
    prompt, sample = "9" * 64, "5" * 64
    version = {
        "id": "a" * 32,
        "state": "published",
        "verdict": "clean",
        "card": {"languages": ["en"], "gender": "male", "styles": ["narration", "news"], "measured": {}},
        "figures": {"mos_dnsmos": 3.0612, "epochs": 5.0, "speaker_embedding": [0.1, 0.2]},
        "files": [
            {"path": "prompts/prompt.flac", "object": {"digest": prompt, "size": 1}},
            {"path": "lexicon.yaml", "object": {"digest": "1" * 64, "size": 1}},
        ],
        "samples": [{"text": "Good morning.", "language": "en", "object": {"digest": sample, "size": 1}}],
    }
    hub.json["/v1/repos/bob/tale/versions/main"] = version
    hub.json["/v1/repos/bob/tale"] = {"owner": "bob", "name": "tale"}
    hub.json["/v1/bases"] = {"items": []}
    told = _run("info", "bob/tale", "--hub", hub.url).stdout
    assert "verdict clean" in told
    assert "languages en, gender male, styles narration news" in told
    assert "mos_dnsmos 3.061, epochs 5\n" in told
    assert f"sound {prompt}  prompts/prompt.flac" in told
    assert f"sound {sample}  “Good morning.”" in told
    assert "lexicon" not in told


def test_search_prints_hits_and_says_no_with_one(hub: Hub) -> None:
    repository = {"owner": "ann", "name": "tale", "stars": 3}
    hub.json["/v1/search"] = {"items": [{"repository": repository, "language": "en"}], "total": 1, "understood": {}}
    result = _run("search", "tale", "--hub", hub.url)
    assert result.exit_code == 0
    assert "ann/tale" in result.stdout
    assert "forks" not in result.stdout + result.stderr
    hub.json["/v1/search"]["items"][0]["forks"] = 2
    assert "2 forks of these are not shown; --forks shows them" in _run("search", "tale", "--hub", hub.url).stderr
    _run("search", "tale", "--forks", "--hub", hub.url)
    assert "forks=all" in hub.requests[-1][1]
    hub.json["/v1/search"] = {"items": [], "total": 0, "understood": {}}
    assert _run("search", "tale", "--hub", hub.url, "--json").exit_code == 1


def test_a_push_whose_version_is_erased_meanwhile_ends_and_says_so(hub: Hub, tmp_path: Path) -> None:
    weights = tmp_path / "tale.pth"
    weights.write_bytes(b"weights")
    version = {"id": "b" * 32, "owner": "ann", "name": "tale", "state": "pushed"}
    path = "/v1/repos/ann/tale/versions"
    hub.json |= {path: version, f"{path}/{version['id']}": version | {"state": "erased"}}
    hub.events = [[f'event: state\ndata: {{"state": "{state}"}}\n' for state in ("pushed", "erased")]]
    told = _run("push", "ann/tale", str(weights), *DECLARED, "--hub", hub.url)
    assert told.exit_code == 1
    assert "erased" in told.stderr
    assert "✓" not in told.stdout


def test_comments_are_listed_where_nothing_is_said(hub: Hub) -> None:
    hub.json["/v1/repos/ann/tale/comments"] = {"items": []}
    assert "nobody has said anything yet" in _run("comment", "ann/tale", "--hub", hub.url).stderr
    said = {"id": "1", "author": "bob", "text": "好听 [red]!", "create_time": "2026-01-02T03:04:05Z"}
    hub.json["/v1/repos/ann/tale/comments"] = {"items": [said]}
    assert _run("comment", "ann/tale", "--hub", hub.url).stdout == "bob  2026-01-02 03:04\n  好听 [red]!\n"
    listed = json.loads(_run("comment", "ann/tale", "--hub", hub.url, "--json").stdout)
    assert [(one["author"], one["text"]) for one in listed] == [("bob", "好听 [red]!")]
    assert {command for command, *_ in hub.requests} == {"GET"}


def test_offers_that_one_has_made_are_listed(hub: Hub) -> None:
    offer = {"id": "1", "owner": "ann", "name": "tale", "by": "ann", "new_owner": "bob"}
    hub.json["/v1/transfers"] = {"items": [offer]}
    assert "ann/tale" in _run("repo", "offers", "--made", "--hub", hub.url).stdout
    assert [path for _, path, _ in hub.requests] == ["/v1/transfers?made=true"]


@pytest.mark.parametrize("command", [("repo", "role", "ann/tale"), ("org", "member", "house")])
def test_no_role_is_taken_back_that_is_not_said_to_be(hub: Hub, command: tuple[str, ...]) -> None:
    asked = _run(*command, "bo", "--hub", hub.url)
    assert asked.exit_code == 2
    assert "none" in asked.stderr
    assert hub.requests == []


def test_only_what_was_there_to_read_is_marked_as_read(hub: Hub) -> None:
    hub.json |= {"/v1/notifications": {"items": [{"number": 7}, {"number": 5}]}, "/v1/notifications/read": {}}
    assert _run("notifications", "--read", "--hub", hub.url).exit_code == 0
    assert hub.bodies == [{"up_to": 7}]


def test_words_that_the_hub_does_not_speak_are_told_in_one_line(hub: Hub, tmp_path: Path) -> None:
    command = ("say", "ann/tale", "Hello 你好 and Привет", "--on-hub", "-o", str(tmp_path / "x.wav"), "--hub", hub.url)
    assert _run(*command).stderr == ""
    hub.not_spoken = ["你好", "Привет"]
    told = _run(*command)
    assert told.exit_code == 0
    assert told.stderr.splitlines() == ["! not spoken, for this language has no sounds for it: 你好, Привет"]
    assert json.loads(_run(*command, "--json").stdout)["left_out"] == ["你好", "Привет"]


def test_a_fine_tune_forks_nothing_before_there_is_something_to_learn_from(hub: Hub, tmp_path: Path) -> None:
    declaration = {"source": "own", "license": "CC0-1.0", "consent": "self"}
    hub.json["/v1/repos/ann/tale/versions/main"] = {"id": "a" * 32, "state": "published", "declaration": declaration}
    hub.json["/v1/me"] = {"name": "bob"}
    said = ("--source", "me", "--consent", "self", "--hub", hub.url)
    (tmp_path / "one.wav").write_bytes(b"no sound")
    (tmp_path / "lines.jsonl").write_text('{"text": "One.", "audio": "one.wav"}')
    result = _run("finetune", "ann/tale", str(tmp_path / "lines.jsonl"), *said)
    assert result.exit_code == 4
    assert "one.wav is no 16-bit WAV" in result.stderr
    assert {command for command, *_ in hub.requests} == {"GET"}


def test_a_name_that_is_not_there_or_of_another_kind_is_not_deleted(hub: Hub) -> None:
    hub.json["/v1/repos/bo/mine/refs"] = {"items": [{"name": "v1", "kind": "tag", "tip": "0" * 32}]}
    for arguments, code, told in (
        (("tag", "bo/mine", "v2"), 1, ("bo/mine has no tag v2.", "voicehub refs bo/mine")),
        (("branch", "bo/mine", "v1"), 2, ("v1 is no branch but a tag.", "voicehub tag bo/mine v1 --delete")),
    ):
        result = _run(*arguments, "--delete", "--hub", hub.url)
        assert result.exit_code == code
        assert [part for part in told if part not in result.stderr] == []
    assert {command for command, *_ in hub.requests} == {"GET"}


def test_an_error_says_each_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    fields = {"history": "The base has 2 versions that the head lacks.", "title": "1 to 200 characters"}
    hint = f"history {fields['history']}"
    Output().fail(Refused("Pull request 1 cannot be merged yet.", hint=hint, fields=fields))
    said = capsys.readouterr().err
    assert [said.count(reason) for reason in fields.values()] == [1, 1]


def test_the_terminal_obeys_nobody_elses_text(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b]52;c;ZWNobw==\x07a\x1b[2J\x9b1m\rb\x7f\x08 :key: [red]c[/]\td"
    out = Output()
    out.say(nasty)
    out.table([nasty], [[nasty]])
    out.note(nasty)
    out.left_out([nasty], nasty)
    out.fail(Refused(nasty, hint=nasty + ".", fields={nasty: "why"}))
    with out.steps() as steps:
        steps.update("speak", 1.0, nasty)
    answer = capsys.readouterr()
    assert not {c for c in answer.out + answer.err if ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0} - {"\n"}
    assert answer.out.count("]52;c;ZWNobw==a[2J1mb :key: [red]c[/]") == 3
    assert answer.err.count(":key: [red]c[/]") >= 6
    Output(as_json=True).answer(nasty)
    told = capsys.readouterr().out
    assert json.loads(told) == nasty
    assert not {"\x1b", "\x9b", "\x7f"} & set(told)


def test_the_bars_show_names_as_they_are() -> None:
    out = Output()
    out.errors = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None, emoji=False)
    with out.transfer("a\x9b[red]:key:") as on_bytes:
        on_bytes(1, 2)
    with out.steps() as steps:
        steps.update("s", 0.5, "b\x1b]52;c;x\x07[red]:key:")
    shown = out.errors.file.getvalue()  # type: ignore[attr-defined]
    assert "a[red]:key:" in shown
    assert "b]52;c;x[red]:key:" in shown


def test_tokens_are_kept_per_hub_and_private(own_home: Path) -> None:
    home.save(home.Login("http://one", "ann", "t1"))
    home.save(home.Login("http://two", "bob", "t2"))
    assert home.resolve("http://one/").token == "t1"
    assert home.resolve().account == "bob"
    assert (own_home / "hubs.json").stat().st_mode & 0o777 == 0o600
    assert "t1" not in repr(home.resolve("one"))


def test_a_token_that_has_expired_does_not_keep_its_user_out(hub: Hub, own_home: Path) -> None:
    """The hub refuses a request with a token that it does not know, whatever it asks for."""
    home.save(home.Login(hub.url, "ann", "expired"))
    hub.json |= {"/v1/accounts": {"name": "ann"}, "/v1/sessions": {"token": "fresh"}}
    for command in ("login", "signup"):
        assert _run(command, "ann", "--password", "correct horse battery", "--hub", hub.url).exit_code == 0
        assert home.resolve(hub.url).token == "fresh"
    assert [path for _, path, headers in hub.requests if "Authorization" in headers] == []
    assert [path for _, path, _ in hub.requests] == ["/v1/sessions", "/v1/accounts", "/v1/sessions"]


def _holds(identifier: str, hub: str) -> None:
    voice = parse_name("ann/tale")
    Cache().keep_version(voice, Version(identifier, voice.owner, voice.name), hub)


def test_say_asks_what_a_ref_means_now(hub: Hub) -> None:
    data = b"abcd"
    tensor = {"name": "s2/t", "dtype": "uint8", "shape": [4], "digest": hub.add(data), "size": 4}
    head = {"id": "b" * 32, "owner": "ann", "name": "tale", "state": "published", "tensors": [tensor]}
    hub.json |= {"/v1/repos/ann/tale/versions/main": head, "/v1/bases": {"items": []}}
    _holds("a" * 32, hub.url)
    told = _run("say", "ann/tale", "hello", "-o", "x.wav", "--hub", hub.url)
    assert "cannot speak on this machine" in told.stderr  # it has no bundle; but it is the one that is meant
    assert Cache().find(parse_name("ann/tale"))[0].id == "b" * 32
    assert Cache().noted(parse_name("ann/tale")) == ("b" * 32, hub.url)
    assert [one.refs for one in held(Cache())] == [(), ("main",)]
    hub.requests.clear()
    _run("say", "ann/tale", "hello", "-o", "x.wav", "--hub", hub.url)
    assert len(hub.requests) == 1
    _run("say", f"ann/tale@{'a' * 32}", "hello", "-o", "x.wav", "--hub", hub.url)  # an id is asked about by nobody
    assert len(hub.requests) == 1


def _bundled(hub: Hub) -> tuple[str, bytes]:
    """A voice with a bundle, and the base it needs: its digest and its one file."""
    base, data = b"base", b"voice"
    weights, needed = hub.add(base), blake3(b"the base").hexdigest()
    voice = {"digest": hub.add(data), "size": len(data)}
    head = {
        "id": "b" * 32, "owner": "ann", "name": "tale", "state": "published", "requires": {"bert": needed},
        "bundle": [{"path": "bundle.json", "object": voice}],
        "tensors": [{"name": "s2/t", "dtype": "uint8", "shape": [5], **voice}],
    }  # fmt: skip
    file = {"path": "base.json", "object": {"digest": weights, "size": len(base)}}
    bases = {"items": [{"digest": needed, "kind": "bert", "files": [file]}]}
    hub.json |= {"/v1/repos/ann/tale/versions/main": head, "/v1/bases": bases}
    return weights, base


def test_say_brings_the_base_that_an_ended_pull_did_not(hub: Hub) -> None:
    """Without its BERT a voice speaks Mandarin, but worse: nobody would see why."""
    weights, base = _bundled(hub)
    hub.objects[weights] = b"damaged on its way"
    assert _run("pull", "ann/tale", "--hub", hub.url).exit_code == 5
    hub.objects[weights] = base
    _run("say", "ann/tale", "hello", "-o", "x.wav", "--hub", hub.url)
    assert (Cache().blob(weights)).read_bytes() == base


def test_say_brings_the_bundle_of_a_voice_that_was_pulled_to_be_merged(hub: Hub) -> None:
    _bundled(hub)
    assert _run("pull", "ann/tale", "--format", "safetensors", "--hub", hub.url).exit_code == 0
    told = _run("say", "ann/tale", "hello", "-o", "x.wav", "--hub", hub.url)
    assert "cannot speak on this machine" not in told.stderr
    assert (Cache().find(parse_name("ann/tale"))[1] / "onnx" / "bundle.json").exists()


@pytest.mark.parametrize(
    ("noted", "code"), [("http://127.0.0.1:9", 1), ("", 1), ("http://other", 3)], ids=["same", "unknown", "other"]
)
def test_say_without_its_hub_tells_which_version_it_speaks(noted: str, code: int) -> None:
    _holds("a" * 32, noted)
    told = _run("say", "ann/tale", "hello", "-o", "x.wav", "--hub", "http://127.0.0.1:9")
    assert told.exit_code == code
    assert ("a" * 32 in told.stderr) == (code == 1)
    assert ("cannot speak on this machine" in told.stderr) == (code == 1)


def test_a_review_is_of_the_head_that_was_heard(hub: Hub) -> None:
    hub.json["/v1/repos/ann/tale/pulls/1/reviews"] = {"verdict": "approve", "version": "a" * 32, "counts": True}
    _run("pr", "review", "ann/tale", "1", "--approve", "--head", "a" * 32, "--hub", hub.url)
    assert [(method, path) for method, path, _ in hub.requests] == [("POST", "/v1/repos/ann/tale/pulls/1/reviews")]


def test_a_damaged_home_is_said(own_home: Path) -> None:
    own_home.mkdir()
    (own_home / "hubs.json").write_text("{")
    assert _run("search", "x").exit_code == 5
