"""Answers TestInterop with what Python's Jinja does under the settings of transformers (pip install jinja2).

stdin and stdout are JSON: a list of {"template", "variables"} -> a list of {"text"} or {"error"}.
"""

import json
import sys

import jinja2.ext
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment


def raise_exception(message):
    raise TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception

answers = []
for case in json.load(sys.stdin):
    try:
        answers.append({"text": environment.from_string(case["template"]).render(**case["variables"])})
    except Exception as e:
        answers.append({"error": repr(e)})
json.dump(answers, sys.stdout)
