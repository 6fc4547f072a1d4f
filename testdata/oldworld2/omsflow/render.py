"""Templates: ${key}, ${key|filter|filter}, and lines ##if key, ##else, ##end."""
import base64
import html
import json
import re
import shlex
import urllib.parse


def store(text, escaped=":=#!"):
    """A value as java.util.Properties.store writes it."""
    out = []
    for i, c in enumerate(text):
        if c == "\\" or c in escaped or c == " " and i == 0:
            out.append("\\" + c)
        elif c in "\n\r\t":
            out.append("\\" + {"\n": "n", "\r": "r", "\t": "t"}[c])
        elif " " <= c <= "~":
            out.append(c)
        else:
            out.append("".join("\\u%04X" % unit for unit in units(c)))
    return "".join(out)


def units(c):
    data = c.encode("utf-16-be")
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]


def indented(value):
    return json.dumps(value, indent=4).replace("\n", "\n        ")


FILTERS = {
    "store": store,
    "plain": lambda s: s.replace("\\", "\\\\"),
    "form": urllib.parse.quote_plus,
    "url": lambda s: urllib.parse.quote(s, safe=""),
    "java": lambda s: urllib.parse.quote_plus(s, safe="*").replace("~", "%7E"),
    "lowerurl": lambda s: re.sub("%[0-9A-F]{2}", lambda m: m.group().lower(), urllib.parse.quote(s, safe="")),
    "xml": lambda s: html.escape(s, quote=False),
    "attr": lambda s: html.escape(s, quote=False).replace('"', "&quot;"),
    "apos": lambda s: html.escape(s, quote=False).replace('"', "&quot;").replace("'", "&apos;"),
    "numeric": html.escape,
    "json": lambda s: json.dumps(s)[1:-1],
    "utf8json": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "ysingle": lambda s: s.replace("'", "''"),
    "shlex": shlex.quote,
    "dquoted": lambda s: re.sub(r'([\\"$`])', r"\\\1", s),
    "percent": lambda s: s.replace("%", "%%"),
    "cron": lambda s: s.replace("%", "\\%"),
    "cnf": lambda s: s.replace("\\", "\\\\").replace('"', '\\"'),
    "b64": lambda s: base64.b64encode(s.encode()).decode(),
    "list": lambda s: s,
}


def render(template, conf):
    out, states = [], []
    for line in template.splitlines(keepends=True):
        word = line.split()
        if word[:1] == ["##if"]:
            states.append(bool(conf.get(word[1])) if word[1][:1] != "!" else not conf.get(word[1][1:]))
        elif word[:1] == ["##else"]:
            states[-1] = not states[-1]
        elif word[:1] == ["##end"]:
            states.pop()
        elif all(states):
            out.append(re.sub(r"\$\{(\w+)((?:\|\w+)*)\}", lambda m: place(conf, m), line))
    return "".join(out)


def place(conf, match):
    value = conf[match.group(1)]
    if isinstance(value, bool):
        value = str(value).lower()
    value = str(value)
    for name in match.group(2).split("|")[1:]:
        value = FILTERS[name](value)
    return value
