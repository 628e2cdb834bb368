"""Dates, times, amounts and other written numbers turned into words, in the order that the model was trained with."""

from __future__ import annotations

import re
from collections.abc import Callable

from gptsovits.text.mandarin.reading import cardinal, digit_by_digit, number

Match = re.Match[str]

_NUM = r"-?\d+(?:\.\d+)?"
_CLOCK = r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?"
_UNITS = {
    "km/h": "千米每小时", "km²": "平方千米", "km2": "平方千米", "cm²": "平方厘米", "cm2": "平方厘米", "cm³": "立方厘米",
    "cm3": "立方厘米", "m²": "平方米", "m2": "平方米", "m³": "立方米", "m3": "立方米", "㎡": "平方米", "km": "千米",
    "kg": "千克", "cm": "厘米", "mm": "毫米", "ml": "毫升", "mL": "毫升", "mg": "毫克", "db": "分贝", "dB": "分贝",
    "kb": "千字节", "KB": "千字节", "mb": "兆字节", "MB": "兆字节", "GB": "吉字节", "gb": "吉字节", "min": "分钟",
    "ds": "毫秒", "g": "克", "m": "米", "s": "秒", "h": "小时", "l": "升", "L": "升",
}  # fmt: skip
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_CLASSIFIERS = (
    "公里|千米|公斤|千克|毫米|厘米|分米|毫克|毫升|小时|分钟|平方|立方|美元|欧元|英镑|日元|人民币|"
    "[亿万千百十]?[吨元人块]|[亿万千百]|"
    "[个位名只条张件把本页家户层双对副套间座栋幢棵株朵片块颗粒根支枝杆辆艘架台部枚面道首幅篇章节课堂场次回趟遍顿声句段行排队群伙批份"
    "瓶杯碗盘盒箱袋包桶罐壶篮筐斤两克升米尺寸里吨元角分毛钱岁年月日天周秒刻点时世代季届期级倍折度种样类项款颜"
    "口头匹尾峰扇盏盆顶门封集卷册幕号路线班股丝滴缕束串捆团堆叠笔桩宗起单票轮拨重]"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ", "0123456789xyn")
_SIGNS = {"+": "加", "-": "减", "×": "乘", "x": "乘", "*": "乘", "÷": "除以", "=": "等于", "−": "减"}


def _year(digits: str) -> str:
    return digit_by_digit(digits) + "年"


def _date(match: Match) -> str:
    read = _year(match["year"])
    if match["month"]:
        read += cardinal(match["month"]) + "月"
    if match["day"]:
        read += cardinal(match["day"]) + match["name"]
    return read


def _iso_date(match: Match) -> str:
    return f"{_year(match[1])}{cardinal(match[3])}月{cardinal(match[4])}日"


def _clock(hour: str, minute: str, second: str | None) -> str:
    read = f"{cardinal(hour)}点"
    if int(minute) == 30 and not second:
        return read + "半"
    if int(minute):
        read += ("零" if minute.startswith("0") else "") + cardinal(minute) + "分"
    if second and int(second):
        read += ("零" if second.startswith("0") else "") + cardinal(second) + "秒"
    return read


def _time(match: Match) -> str:
    return _clock(match[1], match[2], match[3])


def _time_range(match: Match) -> str:
    return f"{_clock(match[1], match[2], match[3])}至{_clock(match[4], match[5], match[6])}"


def _range(match: Match) -> str:
    return f"{number(match[1])}到{number(match[2])}"


def _temperature(match: Match) -> str:
    below = "零下" if match[1].startswith("-") else ""
    unit = {"华": "华氏度", "F": "华氏度", "℉": "华氏度"}.get(match[2][-1], "度")
    return below + number(match[1].lstrip("-")) + unit


def _measure(match: Match) -> str:
    return f"{number(match[1])}{_UNITS[match[2]]}"


def _currency(match: Match) -> str:
    name = {"$": "美元", "€": "欧元", "£": "英镑", "¥": "元", "￥": "元"}[match[1]]
    return number(match[2]) + (match[3] or "") + name


def _arithmetic(match: Match) -> str:
    return f"{match[1]}{_SIGNS[match[2]]}"


def _power(match: Match) -> str:
    exponent = match[2].translate(_SUPERSCRIPTS)
    return f"{match[1]}的{cardinal(exponent) if exponent.isdigit() else exponent}次方"


def _fraction(match: Match) -> str:
    sign = "负" if match[1] else ""
    return f"{sign}{cardinal(match[3])}分之{cardinal(match[2])}"


def _percentage(match: Match) -> str:
    whole = "千分之" if match[3] == "‰" else "百分之"
    return ("负" if match[1] else "") + whole + number(match[2])


def _telephone(match: Match) -> str:
    groups = re.findall(r"\d+", match[0])
    return "，".join(digit_by_digit(group, telephone=True) for group in groups)


def _mobile(match: Match) -> str:
    return digit_by_digit(re.sub(r"\D", "", match[0]), telephone=True)


def _counted(match: Match) -> str:
    amount = "两" if match[1] == "2" and not match[2] else cardinal(match[1])
    return amount + ("多" if match[2] == "+" else match[2] or "") + match[3]


_RULES: tuple[tuple[str, Callable[[Match], str]], ...] = (
    (r"(?<=\d),(?=\d{3}(?!\d))", lambda _: ""),
    (r"(?<!\d)(?P<year>\d{4}|\d{2})年(?:(?P<month>0?[1-9]|1[0-2])月(?:(?P<day>0?[1-9]|[12]\d|3[01])(?P<name>[日号]))?)?",
     _date),
    (r"(?<!\d)(\d{4})([-/.])(0?[1-9]|1[0-2])\2(0?[1-9]|[12]\d|3[01])(?!\d)", _iso_date),
    (rf"(?<!\d){_CLOCK}[~-]{_CLOCK}(?!\d)", _time_range),
    (rf"(?<!\d){_CLOCK}(?!\d)", _time),
    (rf"({_NUM})~({_NUM})", _range),
    (rf"({_NUM})(°C|℃|摄氏度|度|°F|℉|华氏度)", _temperature),
    (r"([$€£¥￥])(\d+(?:\.\d+)?)([万亿])?", _currency),
    (rf"({_NUM})({_UNIT_NAMES})(?![A-Za-z])", _measure),
    (r"(\d)([+×x*÷=])(?=-?\d)", _arithmetic),
    (r"([\d\w])([⁰¹²³⁴⁵⁶⁷⁸⁹ˣʸⁿ]+)", _power),
    (r"(-?)(\d+)/(\d+)", _fraction),
    (r"(-?)(\d+(?:\.\d+)?)([%‰])", _percentage),
    (r"(?<!\d)(?:\+?86 ?)?1[3-9]\d{9}(?!\d)", _mobile),
    (r"(?<!\d)0(?:10|2\d|[3-9]\d{2})-?[1-9]\d{6,7}(?!\d)", _telephone),
    (r"(?<!\d)400-?\d{3}-?\d{4}(?!\d)", _telephone),
    (r"(?<![\d.])(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)(?![\d.-])", _range),
    (r"-(?=\d)", lambda _: "负"),
    (r"\d+(?:\.\d+){2,}", lambda match: "点".join(map(digit_by_digit, match[0].split(".")))),
    (r"\d+\.\d+", lambda match: number(match[0])),
    (rf"(\d+)([多余几+])?({_CLASSIFIERS})", _counted),
    (r"\d{3,}", lambda match: digit_by_digit(match[0], telephone=True)),
    (r"\d+", lambda match: cardinal(match[0])),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), replacement) for pattern, replacement in _RULES)


def write_out(text: str) -> str:
    """The text with every number in words."""
    for pattern, replacement in _COMPILED:
        text = pattern.sub(replacement, text)
    return text
