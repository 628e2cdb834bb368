"""The rules: identifier, severity, and the explanation a creator understands, in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from voicescan.findings import Finding, Place, Refused, Severity

RULES_VERSION = "4"
"""To be raised with every change of what is found: a hub scans its versions again when it starts with other rules."""
_SHOWN = 200


@dataclass(frozen=True)
class Rule:
    """A reason to refuse (or to remark). ``{detail}`` in a message is what was seen."""

    severity: Severity
    english: str
    chinese: str


RULES: dict[str, Rule] = {
    "pickle-global": Rule(
        "suspicious",
        "The file names the program part {detail}, which no voice model needs.",
        "文件引用了声音模型不需要的程序部件 {detail}。",
    ),
    "pickle-call": Rule(
        "malicious",
        "Loading this file would run {detail} on your computer.",
        "加载此文件会在你的电脑上运行 {detail}。",
    ),
    "pickle-arguments": Rule(
        "malicious",
        "A permitted constructor is called in a way no voice model does: {detail}.",
        "允许的构造器以声音模型不会使用的方式被调用：{detail}。",
    ),
    "pickle-state": Rule(
        "malicious",
        "The file overwrites the inner state of {detail}, a way to run hidden code.",
        "文件改写 {detail} 的内部状态，这是运行隐藏代码的手段。",
    ),
    "pickle-confusion": Rule(
        "malicious",
        "The file is built to mislead readers: {detail}.",
        "文件被特意构造以误导读取程序：{detail}。",
    ),
    "pickle-extension": Rule(
        "malicious",
        "The file calls hidden code by registry number: {detail}.",
        "文件通过注册编号调用隐藏代码：{detail}。",
    ),
    "pickle-persistent-id": Rule(
        "malicious",
        "A storage reference has a shape that no saved model has: {detail}.",
        "存储引用的形式不属于任何正常保存的模型：{detail}。",
    ),
    "pickle-trailing": Rule(
        "suspicious",
        "There is something behind the end of the saved object: {detail}.",
        "已保存对象结束之后还有内容：{detail}。",
    ),
    "pickle-broken": Rule(
        "unreadable",
        "The saved object cannot be read to its end: {detail}.",
        "已保存的对象无法读到结尾：{detail}。",
    ),
    "pickle-too-large": Rule(
        "unreadable",
        "The saved object is larger than any voice model's: {detail}.",
        "已保存的对象超出任何声音模型的规模：{detail}。",
    ),
    "pickle-hidden": Rule(
        "malicious",
        "A saved program is hidden where only numbers or text belong: {detail}.",
        "在只应有数字或文本的位置藏有程序：{detail}。",
    ),
    "zip-structure": Rule(
        "suspicious",
        "The archive tells different readers different things: {detail}.",
        "压缩包会让不同的读取程序看到不同的内容：{detail}。",
    ),
    "zip-broken": Rule("unreadable", "The archive is damaged: {detail}.", "压缩包已损坏：{detail}。"),
    "zip-crc": Rule(
        "suspicious",
        "A checksum in the archive is wrong: {detail}. Save the file again or download it again.",
        "压缩包校验和错误：{detail}。请重新保存或重新下载。",
    ),
    "zip-encrypted": Rule(
        "suspicious", "A part of the archive is encrypted: {detail}.", "压缩包的一部分被加密：{detail}。"
    ),
    "zip-name": Rule(
        "suspicious",
        "The archive holds a name that a saved model never has: {detail}.",
        "压缩包含有模型文件中不会出现的名称：{detail}。",
    ),
    "zip-duplicate": Rule(
        "suspicious", "A name occurs twice in the archive: {detail}.", "压缩包内名称重复：{detail}。"
    ),
    "bomb": Rule(
        "malicious",
        "The file would unfold to far more than it is: {detail}.",
        "文件会展开成远超其大小的内容：{detail}。",
    ),
    "torchscript": Rule(
        "malicious",
        "This is a compiled program (TorchScript or exported graph), not voice weights: {detail}.",
        "这是编译后的程序（TorchScript 或导出图），不是声音权重：{detail}。",
    ),
    "storage-size": Rule(
        "suspicious",
        "The bytes of a weight do not match its declared size: {detail}.",
        "权重的字节数与声明的大小不符：{detail}。",
    ),
    "storage-missing": Rule("unreadable", "The bytes of a weight are missing: {detail}.", "缺少权重的数据：{detail}。"),
    "storage-unused": Rule(
        "suspicious",
        "The archive carries data that no weight uses: {detail}.",
        "压缩包携带未被任何权重使用的数据：{detail}。",
    ),
    "tensor-shape": Rule(
        "suspicious", "A weight has an impossible shape: {detail}.", "权重的形状不可能成立：{detail}。"
    ),
    "structure": Rule(
        "suspicious",
        "The file is not laid out like a GPT-SoVITS file: {detail}.",
        "文件结构不符合 GPT-SoVITS 格式：{detail}。",
    ),
    "config": Rule(
        "suspicious",
        "The settings in the file are not those of a voice model: {detail}.",
        "文件中的配置不是声音模型的配置：{detail}。",
    ),
    "layout": Rule(
        "suspicious",
        "The weights do not form a known voice model: {detail}.",
        "权重不构成已知的声音模型：{detail}。",
    ),
    "weights-not-finite": Rule(
        "suspicious",
        "Weights contain infinite or undefined numbers: {detail}. Export the model again from a healthy epoch.",
        "权重含有无穷大或未定义的数：{detail}。请从正常的训练轮次重新导出。",
    ),
    "weights-absurd": Rule(
        "suspicious",
        "Weights are absurdly large: {detail}. Export the model again from a healthy epoch.",
        "权重数值大得不合理：{detail}。请从正常的训练轮次重新导出。",
    ),
    "weights-type": Rule(
        "unreadable",
        "Weights are of a type whose numbers cannot be read: {detail}. Save them as float16, bfloat16 or float32.",
        "权重的类型无法读成数字：{detail}。请改存为 float16、bfloat16 或 float32。",
    ),
    "safetensors-header": Rule(
        "suspicious",
        "The safetensors header is not valid: {detail}.",
        "safetensors 文件头无效：{detail}。",
    ),
    "numpy-objects": Rule(
        "malicious",
        "A numpy file holds Python objects instead of numbers: {detail}.",
        "numpy 文件保存的是 Python 对象而不是数字：{detail}。",
    ),
    "numpy-broken": Rule("unreadable", "The numpy file is damaged: {detail}.", "numpy 文件已损坏：{detail}。"),
    "onnx-external": Rule(
        "malicious",
        "The ONNX graph reads files outside itself: {detail}.",
        "ONNX 图会读取自身以外的文件：{detail}。",
    ),
    "onnx-operator": Rule(
        "malicious",
        "The ONNX graph needs operators from outside the standard: {detail}.",
        "ONNX 图需要标准之外的算子：{detail}。",
    ),
    "onnx-structure": Rule(
        "suspicious", "The ONNX graph is not well formed: {detail}.", "ONNX 图格式不正确：{detail}。"
    ),
    "engine": Rule(
        "malicious",
        "Compiled engines are programs and are never accepted from outside: {detail}.",
        "编译好的引擎是程序，绝不接受外来文件：{detail}。",
    ),
    "executable": Rule(
        "malicious", "This is a program, not a voice model: {detail}.", "这是程序，不是声音模型：{detail}。"
    ),
    "archive": Rule(
        "note",
        "The model is wrapped in another archive: {detail}. Upload the model file itself.",
        "模型被包在另一个压缩包中：{detail}。请直接上传模型文件。",
    ),
    "closed-archive": Rule(
        "suspicious",
        "The model is wrapped in an archive that is not opened here: {detail}. Unpack it and use the model itself.",
        "模型被包在此处不会打开的压缩包中：{detail}。请解压后使用模型文件本身。",
    ),
    "too-deep": Rule(
        "suspicious",
        "Archives are nested too deeply or hold too much to be read: {detail}.",
        "压缩包嵌套过深或内容过多，无法读取：{detail}。",
    ),
    "pointer": Rule(
        "unreadable",
        "This is only a pointer to a large file, not the weights. Download the real file and upload that ({detail}).",
        "这只是大文件的指针，不是权重。请下载真正的文件后再上传（{detail}）。",
    ),
    "document": Rule("suspicious", "The document is not acceptable: {detail}.", "文档无法接受：{detail}。"),
    "unknown-format": Rule(
        "unreadable",
        "What this file is cannot be told from its content: {detail}.",
        "无法从内容判断文件类型：{detail}。",
    ),
    "unreadable-file": Rule("unreadable", "The file cannot be read: {detail}.", "无法读取文件：{detail}。"),
    "scanner-failed": Rule(
        "unreadable",
        "The scanner failed on this file: {detail}. Do not use the file, and report it to those who make the scanner.",
        "扫描器处理此文件时出错：{detail}。请勿使用该文件，并向扫描器的开发者报告。",
    ),
    "no-model": Rule(
        "note",
        "The file is harmless, but no voice model: {detail}. A hub does not take it as stage 1 or stage 2.",
        "文件无害，但不是声音模型：{detail}。站点不接受将其作为第一阶段或第二阶段文件。",
    ),
    "not-auditionable": Rule(
        "note",
        "The file is stored and delivered, but cannot be spoken here: {detail}.",
        "文件可存储和分发，但无法在此试听：{detail}。",
    ),
}


def found(rule: str, place: Place, detail: str = "") -> Finding:
    """A finding of ``rule``; hostile text in ``detail`` is made printable and short."""
    template = RULES[rule]
    shown = printable(detail)
    return Finding(
        rule=rule,
        place=place,
        severity=template.severity,
        message_en=template.english.replace("{detail}", shown),
        message_zh=template.chinese.replace("{detail}", shown),
    )


def printable(text: str) -> str:
    """Hostile text as it may be shown and written: short, and what cannot be printed (lone surrogates, too) escaped."""
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text[:_SHOWN])


def encodable(name: str) -> str:
    """A file's name as reports can write it: bytes of it that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def refuse(rule: str, place: Place, detail: str = "") -> Refused:
    """The exception that ends reading with one finding of ``rule``."""
    return Refused([found(rule, place, detail)])
