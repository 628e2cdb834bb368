"""Why a voice cannot be listened to on this hub, and what to do: one sentence in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gptsovits.formats.prompt_files import PromptFile

STORED_ONLY = ("v1", "v3", "v4")
SPEAKER_EMBEDDED = ("v2Pro", "v2ProPlus")


def said(english: str, chinese: str) -> str:
    """Both languages in one line, as the version's page shows it."""
    return f"{english} / {chinese}"


def version_obstacle(family: str, stages: Sequence[str]) -> str:
    """What is wrong with the model itself; empty if nothing."""
    if family in STORED_ONLY:
        return said(
            f"Not auditionable: GPT-SoVITS {family} voices are stored and delivered, but this engine speaks only v2, "
            "v2Pro, v2ProPlus and nano; use the original program, or push a v2 voice.",
            f"无法试听：{family} 声音可存储与下载，但本引擎仅支持 v2、v2Pro、v2ProPlus 与 nano；"
            "请使用原程序，或上传 v2 声音。",
        )
    missing = [stage for stage in ("s1", "s2") if stage not in stages]
    if missing:
        return said(
            f"Not auditionable: the version has no {' and no '.join(missing)} file; push a version with both stages.",
            f"无法试听：该版本缺少 {'、'.join(missing)} 文件；请上传包含两个阶段的版本。",
        )
    return ""


def prompt_obstacle(family: str, prompt: PromptFile | None) -> str:
    """What is wrong with the prompt; empty if nothing."""
    if prompt is None:
        return said(
            "Not auditionable: the version has no prompt; push a version with 3 to 10 seconds of the voice, its text "
            "and its language.",
            "无法试听：该版本没有提示音频；请上传包含 3 至 10 秒音频及其文本与语言的版本。",
        )
    if prompt.is_audio and family in SPEAKER_EMBEDDED:
        return said(
            f"Not auditionable: a {family} voice needs the speaker embedding of its prompt; push the prompt as a "
            "feature file with sv_emb.",
            f"无法试听：{family} 声音需要提示音频的说话人向量；请以包含 sv_emb 的特征文件上传提示。",
        )
    return ""


def encoder_obstacle(required: str, feature_dim: int, fitting: Sequence[str]) -> str:
    """The content encoder is not registered here, or several fit and the owner has not chosen."""
    if len(fitting) > 1:
        names = ", ".join(fitting)
        return said(
            f"Not auditionable: several registered content encoders fit ({names}); name one as `base` in the card.",
            f"无法试听：有多个已注册的内容编码器符合（{names}）；请在卡片中以 base 指定其一。",
        )
    return said(
        f"Not auditionable here: the content encoder {required} ({feature_dim} features) is not registered on this "
        "hub; the operator can add it with `voicehub-admin base add PATH`, or push the prompt as a feature file.",
        f"此处无法试听：本站未注册内容编码器 {required}（{feature_dim} 维）；管理员可用 `voicehub-admin base add PATH` "
        "添加，或以特征文件上传提示。",
    )


NO_EXPORTER = said(
    "Not auditionable here: no exporter; the operator can install it with `pip install 'voicehub[train]'`.",
    "此处无法试听：没有导出器；管理员可用 `pip install 'voicehub[train]'` 安装。",
)


def export_failed(reason: str) -> str:
    """The export itself was refused."""
    return said(f"Not auditionable: the export failed. {reason}", f"无法试听：导出失败。{reason}")


def feature_dim_of(shapes: Mapping[str, Sequence[int]]) -> int:
    """Width of the content features that a stage-2 model takes; 0 if its tensors do not tell."""
    shape = shapes.get("s2/ssl_proj.weight", ())
    return int(shape[1]) if len(shape) == 3 else 0


def bert_dim_of(shapes: Mapping[str, Sequence[int]]) -> int:
    """Width of the BERT features that a stage-1 model takes; 0 if it takes none."""
    shape = shapes.get("s1/model.bert_proj.weight", ())
    return int(shape[1]) if len(shape) == 2 else 0
