"""The gallery's page: one HTML file without scripts or outside links, for any screen, dark or light, and for paper."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

WIDE = 1.9
"""Width over height beyond which a picture has several panels side by side."""
STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --soft: #59626d; --page: #fbfaf7; --card: #fff; --line: #d9d6cf;
  --link: #0b57a4; --bad: #a3261c; --badback: #fdf0ee; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e5e0; --soft: #a5adb8; --page: #16181b; --card: #1f2226;
  --line: #383d44; --link: #86bdf5; --bad: #ffb4a8; --badback: #3a2220; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 3rem) 4rem; max-width: 72rem; color: var(--ink);
  background: var(--page); font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.4rem; line-height: 1.3; margin: 3rem 0 .2rem; padding-top: 1rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.1rem; line-height: 1.4; margin: 0 0 .8rem; }
p { margin: .5rem 0; max-width: 46rem; overflow-wrap: anywhere; }
a { color: var(--link); } a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; } .skip:focus { left: 1rem; background: var(--card); padding: .5rem; }
.soft, dl, footer { color: var(--soft); font-size: .9rem; }
nav ul { padding-left: 1.2rem; } nav li { margin: .25rem 0; }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: 1.5rem 0;
  padding: clamp(.9rem, 2.5vw, 1.6rem); }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
figure { margin: 0; } figcaption { margin-top: .8rem; }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: .3rem; padding: .4rem; }
.wide { overflow-x: auto; } @media (max-width: 46rem) { .wide img { max-width: none; width: 44rem; } }
.files a { display: inline-block; padding: .35rem .8rem .35rem 0; }
dl { margin: 1rem 0 0; padding-top: .7rem; border-top: 1px solid var(--line); display: flex; flex-wrap: wrap;
  gap: .15rem 1.2rem; } dl div { max-width: 100%; overflow-wrap: anywhere; }
dt, dd { display: inline; margin: 0; } dt::after { content: ": "; } dd { color: var(--ink); }
.bad { color: var(--bad); background: var(--badback); border-left: .3rem solid var(--bad); padding: .5rem .8rem; }
@media print { :root { --ink: #000; --soft: #333; --page: #fff; --card: #fff; --line: #bbb; --link: #000; }
  body { font-size: 10pt; max-width: none; padding: 0; } article { break-inside: avoid; padding: .6rem; }
  .wide img { max-width: 100%; width: auto; }
  section > header { break-after: avoid; break-inside: avoid; } h2 { margin-top: 1rem; }
  nav, .skip { display: none; } img { max-height: 16cm; width: auto; padding: 0; } }
"""


def page(
    records: Sequence[Mapping[str, Any]], papers: Mapping[str, Any], folder: Path, waiting: Sequence[str] = ()
) -> str:
    """The page.

    Args:
        records: One for each figure, in order: `empirics.gallery.Made.to_dict`, with ``made`` (when), ``versions`` and
            ``attempt`` (why a later attempt failed, or "").
        papers: Key -> paper, for titles and authors.
        folder: Where the pictures are, to give their sizes.
        waiting: Figures that are still to come.

    Returns:
        HTML whose links are file names in its own folder.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["name"].split(".")[0], []).append(record)
    body = "\n".join(_section(papers[key], group, folder) for key, group in groups.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Figures reproduced: {escape(", ".join(groups))}</title>
<style>{STYLE}</style>
</head>
<body>
<a class="skip" href="#figures">Skip to the figures</a>
<header>
<h1>The papers’ figures, reproduced</h1>
<p>Each figure was computed anew, by training the paper’s networks or by evaluating its formulas. Below it stands what
was seen beside what the paper reports.</p>
{_state(records, waiting)}
</header>
<nav aria-label="Figures">
<ul>
{chr(10).join(_entry(record) for record in records)}
</ul>
</nav>
<main id="figures">
{body}
</main>
<footer><p>{_versions(records)}</p></footer>
</body>
</html>
"""


def _state(records: Sequence[Mapping[str, Any]], waiting: Sequence[str]) -> str:
    """How many figures there are, and what is missing."""
    failed = [r["name"] for r in records if r["error"]]
    again = [r["name"] for r in records if r["attempt"]]
    cut = [r["name"] for r in records if r["interrupted"]]
    parts = [f"{sum(bool(r['paths']) for r in records)} figures"]
    named = {"failed": failed, "interrupted": cut, "not made anew": again, "not made yet": waiting}
    parts += [f"{what}: {', '.join(names)}" for what, names in named.items() if names]
    return f'<p class="soft">{escape("; ".join(parts))}.</p>'


def _entry(record: Mapping[str, Any]) -> str:
    note = " (failed)" if record["error"] else " (interrupted)" if record["interrupted"] else ""
    return f'<li><a href="#{quote(record["name"])}">{escape(record["name"])}</a>: {escape(record["title"] + note)}</li>'


def _section(paper: Any, records: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """One paper with its figures."""
    year = "" if str(paper.year) in paper.venue else f" {paper.year}"
    articles = "\n".join(_article(r, folder) for r in records)
    return (
        f'<section aria-labelledby="{paper.key}">\n<header><h2 id="{paper.key}">{escape(paper.title)}</h2>\n'
        f'<p class="soft">{escape(f"{paper.authors}, {paper.venue}{year}")}</p></header>\n{articles}\n</section>'
    )


def _article(record: Mapping[str, Any], folder: Path) -> str:
    """One figure."""
    name, said = record["name"], str(record["summary"]).strip()
    parts = [f'<article id="{escape(name)}" aria-labelledby="{escape(name)}-title">']
    parts.append(f'<h3 id="{escape(name)}-title"><code>{escape(name)}</code> {escape(record["title"])}</h3>')
    if record["error"]:
        parts.append(f'<p class="bad">This figure could not be made: {escape(record["error"])}</p>')
    if record["attempt"]:
        text = f"A later attempt did not finish; shown is what was made {record['made']}. Reason: {record['attempt']}"
        parts.append(f'<p class="bad">{escape(text)}</p>')
    if record["interrupted"]:
        parts.append(f'<p class="bad">{_interrupted(bool(record["paths"]))}</p>')
    pictures = [path for path in record["paths"] if path.endswith(".png")]
    alt = f"{record['title']}: {_first(said)}"
    caption = "".join(f"<p>{escape(line)}</p>" for line in said.splitlines())
    if pictures:
        images = "\n".join(_image(folder / path, alt) for path in pictures)
        parts.append(f"<figure>\n{images}\n<figcaption>{caption}</figcaption>\n</figure>")
    else:
        parts.append(caption)
    if record["paths"]:
        links = " ".join(f'<a href="{quote(path)}" download>{escape(path)}</a>' for path in record["paths"])
        parts.append(f'<p class="files"><span class="soft">Files:</span> {links}</p>')
    return "\n".join([*parts, _settings(record), "</article>"])


def _interrupted(kept: bool) -> str:
    return "Interrupted: this shows the runs that were finished." if kept else "Interrupted before its first run ended."


def _first(text: str) -> str:
    """The first sentence or clause, for those who cannot see the picture."""
    return text.replace("\n", " ").split("; ")[0]


def _image(path: Path, alt: str) -> str:
    """The picture; one too wide for a telephone can be moved sideways there."""
    size, link = png_size(path), quote(path.name)
    given = f' width="{size[0]}" height="{size[1]}"' if size else ""
    image = f'<a href="{link}"><img src="{link}" alt="{escape(alt)}"{given} loading="lazy"></a>'
    return f'<div class="wide">{image}</div>' if size and size[0] > WIDE * size[1] else image


def png_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG file in pixels, None where it is not one.

    Args:
        path: the file.

    Returns:
        Both.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError:
        return None
    if len(head) < 24 or head[:8] != b"\x89PNG\r\n\x1a\n":
        return None
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def _settings(record: Mapping[str, Any]) -> str:
    """What was run, on what, when and for how long."""
    rows = {name.replace("_", " "): _shown(value) for name, value in record["settings"].items() if value is not None}
    rows |= {"data": record["data"]} if record["data"] else {}
    rows |= {"made": record["made"], "took": _duration(record["seconds"])}
    items = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in rows.items())
    return f"<dl>{items}</dl>"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _duration(seconds: float) -> str:
    """``0.4 s``, ``75 s`` or ``12 min``."""
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _versions(records: Sequence[Mapping[str, Any]]) -> str:
    """The versions with which the figures were made, once where they agree."""
    by_text: dict[str, list[str]] = {}
    for r in records:
        by_text.setdefault(", ".join(f"{k} {v}" for k, v in r["versions"].items()), []).append(r["name"])
    if len(by_text) == 1:
        return f"Made with {escape(next(iter(by_text)))}."
    return " ".join(f"{escape(', '.join(names))}: made with {escape(text)}." for text, names in by_text.items())
