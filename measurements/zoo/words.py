"""What stands in cells and paragraphs: names, figures, units, sentences in three languages. All of it is invented."""

import random
from collections.abc import Mapping

from zoo.styles import Script

_ADJECTIVES = (
    "northern upper early mixed local annual coastal rural dry open steady minor shared heavy light second inner "
    "public narrow late"
).split()
_NOUNS = (
    "harbour valley barley copper timber parcels schools wages orchards bridges linen vessels clinics rainfall cattle "
    "glass exports pumps tunnels archives lamps wool turbines visitors quarries meadows freight bakeries looms canals"
).split()
_VERBS = "covers follows reports needs replaces lists supports closes measures joins repairs confirms".split()
_HEADS = (
    "Total|Area|Output|Mean|Share|Cost|Yield|Rate|Price|Stock|Change|Value|Weight|Length|Balance|Index|Median|Volume|"
    "Sales|Margin"
).split("|")
_STUBS = "District|Item|Product|Station|Group|Category|Material|Service|Region|Name".split("|")
_GROUPS = "Winter|Summer|Plan A|Plan B|Imports|Exports|Before|After|Method one|Method two|Men|Women".split("|")
_NONE = ("not recorded", "no answer", "see section 4", "closed all year")

_ZH = "北 港 木材 铜矿 学校 桥梁 纺织 船舶 诊所 降雨 牧场 玻璃 出口 水泵 隧道 档案 灯具 羊毛 访客 运河".split()
_ZH_KINDS = "年度 地方 农村 沿海 早期 混合 公共 重型".split()
_ZH_HEADS = "合计 面积 产量 平均 比重 成本 单价 库存 变化 金额 重量 长度 余额 指数".split()
_ZH_GROUPS = "冬季 夏季 甲方案 乙方案 进口 出口".split()
_ZH_VERBS = "包括 影响 需要 支持 记录 取代".split()

_HE = "נמל עמק שעורה נחושת עץ בתי־ספר גשרים פשתן ספינות מרפאות גשם בקר זכוכית יצוא משאבות מנהרות ארכיון צמר".split()
_HE_KINDS = "צפוני מקומי שנתי חופי כפרי יבש פתוח משותף כבד".split()
_HE_HEADS = "שטח תפוקה ממוצע שיעור עלות מחיר מלאי שינוי ערך משקל אורך יתרה מדד".split()
_HE_VERBS = "כולל מודד מחליף תומך דורש מאשר".split()

UNITS: Mapping[str, tuple[str, ...]] = {
    # What the fonts have that every PDF reader has; and more.
    "drawn": ("kg", "m²", "km", "%", "t/ha", "°C", "ml", "£"),
    "typst": ("kg", "m²", "km", "%", "µg/l", "°C", "€", "kWh", "‰"),
}


def name(draw: random.Random, script: Script, most: int = 3) -> str:
    """Return the name of a row: one to three words."""
    if script == "zh":
        return draw.choice(_ZH_KINDS) + draw.choice(_ZH[1:]) + draw.choice(("", "", "业", "部"))
    if script == "he":
        return " ".join([draw.choice(_HE), draw.choice(_HE_KINDS)][: draw.randint(1, 2)])
    words = [draw.choice(_ADJECTIVES), draw.choice(_NOUNS), "and", draw.choice(_NOUNS)]
    count = draw.randint(1, most)
    return " ".join(words[1:2] if count == 1 else words[:2] if count == 2 else words).capitalize()


def names(draw: random.Random, script: Script, count: int) -> list[str]:
    """Return so many names, none of them twice as far as there are enough."""
    found: dict[str, None] = {}
    for _ in range(20 * count):
        found.setdefault(name(draw, script))
        if len(found) == count:
            break
    return [*found, *(name(draw, script) for _ in range(count - len(found)))]


def headings(draw: random.Random, script: Script, count: int, most: int = 2) -> list[str]:
    """Return headings of columns, one or two words each; in English more, where `most` is."""
    source = {"en": _HEADS, "zh": _ZH_HEADS, "he": _HE_HEADS}[script]
    chosen = draw.sample(source, count)
    if script == "en" and most > 2:
        return [" ".join([head, "of", *draw.sample(_NOUNS, draw.randint(1, most - 2))]) for head in chosen]
    if script == "en":
        return [f"{head} {draw.choice(_NOUNS)}" if draw.random() < 0.25 else head for head in chosen]
    return chosen


def stub(draw: random.Random, script: Script) -> str:
    """Return the heading of the column of names."""
    return {"en": draw.choice(_STUBS), "zh": draw.choice(("项目", "名称", "地区")), "he": draw.choice(("שם", "פריט"))}[
        script
    ]


def groups(draw: random.Random, script: Script, count: int) -> list[str]:
    """Return headings over several columns."""
    return draw.sample(_ZH_GROUPS if script == "zh" else _GROUPS, count)


def figure(draw: random.Random, kind: str) -> str:
    """Return a figure of a column of one kind."""
    if kind == "count":
        return f"{draw.randrange(1, 10 ** draw.randint(2, 6)):,}"
    if kind == "decimal":
        return f"{draw.uniform(0, 400):.{draw.randint(1, 2)}f}"
    if kind == "percent":
        return f"{draw.uniform(0, 100):.1f}%"
    if kind == "signed":
        return f"{draw.choice('+-')}{draw.uniform(0, 30):.1f}"
    return str(draw.randint(1960, 2025))


def missing(draw: random.Random) -> str:
    """Return what stands in place of several figures."""
    return draw.choice(_NONE)


def phrase(draw: random.Random, script: Script, words: int) -> str:
    """Return running text of about so many words without a full stop."""
    if script == "zh":
        parts = [
            draw.choice(_ZH_KINDS) + draw.choice(_ZH[1:]) + draw.choice(_ZH_VERBS) + draw.choice(_ZH[1:])
            for _ in range(max(1, words // 4))
        ]
        return "，".join(parts)
    if script == "he":
        pools = (_HE, _HE_KINDS, _HE_VERBS)
        return " ".join(draw.choice(pools[number % 3]) for number in range(words))
    english = (["the", "a", "each", "every"], _ADJECTIVES, _NOUNS, _VERBS)
    return " ".join(draw.choice(english[number % 4]) for number in range(words)).capitalize()


def sentence(draw: random.Random, script: Script) -> str:
    """Return a sentence."""
    text = phrase(draw, script, draw.choice((7, 11, 15, 19)) if script == "en" else draw.randint(5, 16))
    return text + ("。" if script == "zh" else ".")


def paragraph(draw: random.Random, script: Script, sentences: int) -> str:
    """Return a paragraph of so many sentences."""
    return ("" if script == "zh" else " ").join(sentence(draw, script) for _ in range(sentences))
