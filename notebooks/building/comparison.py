"""Is a committed notebook still what its source gives? Cell by cell, in words.

What must be equal: kind, source, id and tags of each cell, and the kinds of output in their order. Text of outputs is
compared without white space; its numbers may differ by 0.02 + 2 %, because BLAS adds in another order on another
processor. Pictures and SVG are not compared: other versions of Matplotlib draw other pixels. A cell tagged "measured"
prints times or rounding errors, which are different on each run: there only the words are compared. Two things are
chance in any cell and left out: the seconds that ``fit`` prints, and which rounding error of a right answer is largest.
"""

import re

NUMBER = re.compile(r"[-+−]?\d+(?:\.\d*)?(?:e[-+−]?\d+)?", re.IGNORECASE)
ABSOLUTE, RELATIVE = 0.02, 0.02
CHANCE = re.compile(r"^Largest error .* in \w+ \(limit .*\)\.$|\b\d+\.\ds(?= - )", re.MULTILINE)


def differences(committed: dict, fresh: dict) -> list[str]:
    """What differs, one line each; nothing when the notebooks agree."""
    if committed.get("metadata") != fresh["metadata"]:
        return ["the notebook's metadata differ"]
    if len(committed["cells"]) != len(fresh["cells"]):
        return [f"{len(committed['cells'])} cells, but the source gives {len(fresh['cells'])}"]
    found = []
    for old, new in zip(committed["cells"], fresh["cells"]):
        where = new["id"]
        if any(old.get(key) != new.get(key) for key in ("cell_type", "id", "metadata", "source")):
            found.append(f"{where}: the source says {_first_change(old['source'], new['source'])}")
            continue
        measured = "measured" in new["metadata"].get("tags", [])
        before, now = old.get("outputs", []), new.get("outputs", [])
        if [_kinds(output) for output in before] != [_kinds(output) for output in now]:
            found.append(
                f"{where}: outputs {[_kinds(o) for o in before]}, but a fresh run gives {[_kinds(o) for o in now]}"
            )
            continue
        for a, b in zip(before, now):
            for kind, text in text_of(a).items():
                change = text_difference(text, text_of(b)[kind], numbers=not measured)
                if change:
                    found.append(f"{where}: {change}")
    return found


def text_of(output: dict) -> dict[str, str]:
    """The texts of an output by their kind: what was printed, or the text and HTML of a result."""
    if output["output_type"] == "stream":
        return {output["name"]: output["text"]}
    return {kind: text for kind, text in output.get("data", {}).items() if kind in ("text/plain", "text/html")}


def text_difference(old: str, new: str, numbers: bool = True) -> str:
    """The first difference in words, or ""."""
    old, new = CHANCE.sub("", old), CHANCE.sub("", new)
    words_old, words_new = ("".join(NUMBER.sub("#", text).split()) for text in (old, new))
    if words_old != words_new:
        at = next(
            (i for i, (a, b) in enumerate(zip(words_old, words_new)) if a != b), min(len(words_old), len(words_new))
        )
        shown = slice(max(0, at - 30), at + 30)
        return f"committed ...{words_old[shown]!r}, a fresh run gives ...{words_new[shown]!r}"
    if numbers:
        for a, b in zip(NUMBER.findall(old), NUMBER.findall(new)):
            x, y = (float(v.replace("−", "-")) for v in (a, b))
            if abs(x - y) > ABSOLUTE + RELATIVE * max(abs(x), abs(y)):
                return f"committed {a}, a fresh run gives {b}"
    return ""


def _kinds(output: dict) -> str:
    return output.get("name") or "+".join(sorted(output.get("data", {}))) or output["output_type"]


def _first_change(old: str, new: str) -> str:
    """The first line of the source that the committed notebook does not have."""
    was = old.split("\n")
    for number, line in enumerate(new.split("\n")):
        if number >= len(was) or was[number] != line:
            return repr(line)
    return "less, or has other tags"
