"""The page's style sheet. It is allowed by its hash, so that no other style can get in."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --text: #1c2230; --soft: #5a6375; --line: #dde1e8;
  --link: #1d5fc4; --queued: #b3bccb; --generating: #4c86e0; --late: #e59a1c; --downloading: #35a06a;
  --succeeded: #1c7a47; --missing: #9a5b00; --failed: #b3261e; --unknown: #8a4fbf; --pending: #1d5fc4;
  --not-sent: #5a6375 }
@media (prefers-color-scheme: dark) { :root { --back: #12151b; --card: #1b2029; --text: #e6e9ef; --soft: #9aa4b5;
  --line: #303846; --link: #7fb0ff; --queued: #566071; --generating: #5b93ea; --late: #e8a534; --downloading: #3fae76;
  --succeeded: #62c98e; --missing: #e8a534; --failed: #ff8a80; --unknown: #c79bf2; --pending: #7fb0ff;
  --not-sent: #9aa4b5 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 24px 20px 60px; max-width: 1400px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
h1 { margin: 0; font-size: 24px; overflow-wrap: anywhere }
h2 { margin: 36px 0 12px; font-size: 18px }
p { margin: 4px 0 12px }
.soft { color: var(--soft) }
code { font: 13px ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
a { color: var(--link) }
.sums { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 20px 0 0 }
.sums div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px }
.sums dt { color: var(--soft); font-size: 13px }
.sums dd { margin: 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums }
.charts { display: grid; grid-template-columns: minmax(0, 1fr); gap: 16px }
@media (min-width: 1000px) { .charts { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); align-items: start } }
figure { margin: 0; padding: 14px 16px 10px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px }
figcaption { margin-bottom: 10px; font-weight: 600 }
figcaption p { margin: 0; font-weight: 400; font-size: 13px; color: var(--soft) }
svg { display: block; overflow: visible }
svg line { stroke: var(--line) }
svg text { font-size: 12px; fill: var(--soft) }
.timeline { display: flex }
.names { flex: none; width: 118px; overflow: hidden }
.names text { fill: var(--text) }
.bars { min-width: 0 }
svg .count, svg .middle { text-anchor: middle }
svg .end { text-anchor: end }
.queued { fill: var(--queued); background: var(--queued) }
.generating { fill: var(--generating); background: var(--generating) }
.late { fill: var(--late); background: var(--late) }
.downloading { fill: var(--downloading); background: var(--downloading) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0 0; padding: 0; list-style: none;
  font-size: 13px; color: var(--soft) }
.legend i { display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 3px }
.reasons { display: grid; gap: 10px; margin: 0; padding: 0; list-style: none }
.reasons li { padding: 10px 14px; background: var(--card); border: 1px solid var(--line); border-left: 4px solid;
  border-radius: 8px; overflow-wrap: anywhere }
.reasons p { margin: 2px 0 }
.reasons p, .reasons b { color: var(--text) }
.reasons b { font-weight: 600 }
.reasons .soft { color: var(--soft) }
fieldset { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 14px; padding: 0; border: 0 }
fieldset input { position: absolute; opacity: 0 }
fieldset label { padding: 5px 13px; border: 1px solid var(--line); border-radius: 99px; background: var(--card);
  cursor: pointer }
fieldset input:checked + label { background: var(--text); border-color: var(--text); color: var(--back) }
fieldset input:focus-visible + label { outline: 2px solid var(--link); outline-offset: 2px }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: 16px }
article { min-width: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  overflow: hidden; content-visibility: auto; contain-intrinsic-size: auto 380px }
video, .none { display: block; width: 100%; aspect-ratio: 16 / 9; background: #000; object-fit: contain }
.none { display: grid; place-items: center; background: var(--back); color: var(--soft) }
.about { padding: 12px 14px 14px }
.about h3 { display: flex; gap: 8px; justify-content: space-between; margin: 0; font-size: 15px }
.about h3 span { min-width: 0; overflow-wrap: anywhere }
.prompt { margin: 4px 0 8px; overflow-wrap: anywhere }
.facts { margin: 0; font-size: 13px; color: var(--soft); overflow-wrap: anywhere }
.facts span { display: inline-block }
.why { margin: 8px 0 0; font-size: 13px; overflow-wrap: anywhere }
details { margin-top: 8px; font-size: 13px }
summary { color: var(--soft); cursor: pointer }
details dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 2px 12px; margin: 6px 0 0 }
details dt { color: var(--soft) }
details dd { margin: 0; overflow-wrap: anywhere }
.badge { flex: none; font-size: 13px; font-weight: 600 }
.succeeded { color: var(--succeeded) } .missing { color: var(--missing) } .failed { color: var(--failed) }
.unknown { color: var(--unknown) } .pending { color: var(--pending) } .not-sent { color: var(--not-sent) }
@media print { body { background: none } fieldset { display: none } article { break-inside: avoid } }
"""


def filters(kinds: list[str]) -> str:
    """The rules that hide the cards of other kinds than the chosen one.

    >>> filters(["failed"])
    'body:has(#show-failed:checked) article:not([data-outcome=failed]) { display: none }'
    """
    return "\n".join(
        f"body:has(#show-{kind}:checked) article:not([data-outcome={kind}]) {{ display: none }}" for kind in kinds
    )
