"""No text that people are shown stands in the sources as it is: each goes through gettext."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from core.errors import catalogue
from scripts.messages import PLACES
from tests.laws.house import ROOT, Sources
from tests.laws.languages import english_in
from tests.laws.languages_of_pages import texts_of

# Calls whose texts are read by people, and where among their arguments these stand.
SPEAKING: Final[Mapping[str, tuple[int, ...]]] = {
    **dict.fromkeys((f"messages.{level}" for level in ("debug", "info", "success", "warning", "error")), (1,)),
    **dict.fromkeys(("self.stdout.write", "self.stderr.write", "say", "Warned", "badge"), (0,)),
    **dict.fromkeys(("CommandError", "ArgumentTypeError", "ValidationError", "ServerError", "DumpRefused"), (0,)),
    **dict.fromkeys(("CannotRunError", "ChildKeepsDyingError", "DemoRefusedError", "RoleTooStrong"), (0,)),
    **dict.fromkeys(("checks.Warning", "checks.Error"), (0,)),
    **dict.fromkeys((error.__name__ for error in catalogue()), (0,)),
}
# Keywords and attributes of classes that are read by people, wherever they stand.
READ: Final = frozenset(
    {"help", "help_text", "verbose_name", "verbose_name_plural", "label", "title", "explanation", "submit", "empty"}
    | {"search_help_text", "short_description", "summary", "detail", "hint", "note", "heading", "message"}
)
# Whose answers are messages.
DEEDS: Final = frozenset({"deed", "list_deed"})
# What is shown as it stands, and why.
EXCUSED: Final[Mapping[str, str]] = {
    "core/actors.py: 'system'": "a label that the audit log keeps; Admin says it in words",
    "core/management/commands/pg.py: 'data:   %s\\nlog:    %s\\nsocket: %s'": "read by scripts",
    "messaging/bots.py: '%s bot'": "a label that the audit log keeps",
    "audit/system_log.py: '%s records were dropped: they came faster than they could be written'": "a line of the log",
}
# What the OpenAPI document says, which is English for every reader.
OF_THE_DOCUMENT: Final = frozenset({"documented", "Example", "Tag", "extend_schema", "inline_serializer"})


def untranslated(tree: Sources) -> list[str]:
    """Texts of Python that are shown to people as they stand there."""
    return sorted({f"{path}: {text!r}" for path, source in tree.items() for text in _shown(ast.parse(source))})


def _shown(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in OF_THE_DOCUMENT:
                continue
            for place in SPEAKING.get(name, SPEAKING.get(name.rpartition(".")[2], ())):
                yield from _bare(node.args[place]) if len(node.args) > place else ()
            for word in node.keywords:
                yield from _bare(word.value) if word.arg in READ else ()
        elif isinstance(node, ast.ClassDef):
            yield from _of_class(node)
        elif isinstance(node, ast.FunctionDef) and DEEDS & {_called(each) for each in node.decorator_list}:
            for each in ast.walk(node):
                if isinstance(each, ast.Return) and each.value is not None:
                    yield from _bare(each.value)


def _of_class(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        value = line.value if isinstance(line, ast.Assign | ast.AnnAssign) else None
        if value is not None and names & READ:
            yield from _bare(value)
        if "default_error_messages" in names and isinstance(value, ast.Dict):
            for each in value.values:
                yield from _bare(each)


def _called(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node).rpartition(".")[2]


def _bare(node: ast.expr) -> Iterator[str]:
    """The English texts of an expression that went through nothing."""
    match node:
        case ast.Constant(value=str(text)) if english_in(text):
            yield text
        case ast.JoinedStr(values=parts):
            said = "".join(str(part.value) if isinstance(part, ast.Constant) else "%s" for part in parts)
            if english_in(re.sub(r"%s", " ", said)):
                yield said
            for part in parts:
                yield from _bare(part.value) if isinstance(part, ast.FormattedValue) else ()
        case ast.IfExp(body=one, orelse=other):
            yield from _bare(one)
            yield from _bare(other)
        case ast.BinOp(left=one, right=other):
            yield from _bare(one)
            yield from _bare(other) if isinstance(node.op, ast.Add) else ()
        case ast.BoolOp(values=parts):
            for part in parts:
                yield from _bare(part)
        case ast.Call(func=ast.Name(id="str" | "capfirst" | "format_html" | "Warned"), args=[first, *_rest]):
            yield from _bare(first)


def untranslated_templates(tree: Sources) -> list[str]:
    """Texts of templates that stand outside of their translations."""
    return [
        f"{path}: {text!r}" for path, source in tree.items() for text in texts_of(_emptied(source)) if english_in(text)
    ]


def _emptied(template: str) -> str:
    """A template's HTML without what Django makes of it."""
    template = re.sub(r"{% blocktrans.*?{% endblocktrans\w* %}", " ", template, flags=re.DOTALL)
    template = re.sub(r"{% block (?:is_fullwidth|bodyclass) %}.*?{% endblock %}", " ", template)
    template = re.sub(r"{% comment.*?endcomment %}", " ", template, flags=re.DOTALL)
    return re.sub(r"{[%{#].*?[%}#]}", " ", template, flags=re.DOTALL)


def sources(suffix: str) -> Sources:
    found = {}
    for place in PLACES:
        for path in sorted((ROOT / place).rglob(f"*{suffix}")) if (ROOT / place).is_dir() else [ROOT / place]:
            if path.suffix == suffix and not {"tests", "migrations"}.intersection(path.relative_to(ROOT).parts):
                found[path.relative_to(ROOT).as_posix()] = path.read_text("utf-8")
    return found


def test_no_text_of_python_is_shown_as_it_stands() -> None:
    assert set(untranslated(sources(".py"))) == set(EXCUSED)


def test_no_text_of_a_template_is_shown_as_it_stands() -> None:
    assert untranslated_templates(sources(".html")) == []


# The controls.


@pytest.mark.parametrize(
    "line",
    [
        'messages.success(request, "It is done.")',
        'messages.error(request, f"{name} is gone")',
        'raise CommandError("Nothing fits.")',
        'raise CommandError("Nothing fits %s." % name)',
        'raise NotFound("Nothing fits.")',
        'raise errors.NotFound(detail="Nothing fits.")',
        'raise ValidationError("Nothing fits." if one else _("Nothing."))',
        'self.stdout.write("Done.")',
        'self.stderr.write(self.name or "nobody")',
        'say("Stopping.")',
        'parser.add_argument("--far", help="how far")',
        'models.CharField(verbose_name="colour")',
        'forms.CharField(label="Colour", help_text=_("How it looks."))',
        'Column(title="Colour")',
        'checks.Warning(_("It is open."), hint="Close it.")',
        'class Page(Facts):\n    title = "Colours"',
        'class Page(Facts):\n    search_help_text: ClassVar[str] = "A colour"',
        'class Field(Text):\n    default_error_messages: ClassVar[dict[str, Any]] = {"wrong": "Not so."}',
        '@deed(title=_("Paint"), permission="paint")\ndef paint(self):\n    return "It is painted."',
        '@deeds.deed(title=_("Paint"))\ndef paint(self):\n    return Warned("It is wet.")',
    ],
)
def test_a_text_that_goes_through_nothing_is_found(line: str) -> None:
    assert len(untranslated({"shop/doors.py": line})) == 1, line


@pytest.mark.parametrize(
    "line",
    [
        'messages.success(request, _("It is done."))',
        'raise CommandError(_("Nothing fits %(what)s.") % {"what": name})',
        'raise ServerError(_("%(path)s is empty"), path=path)',
        "raise CommandError(str(refusal))",
        'self.stdout.write(f"{key}")',
        'log.info("door_opened", title=door)',
        'documented(summary="Open a door", answers={204: None})',
        'ngettext("%(n)d door", "%(n)d doors", n)',
    ],
)
def test_a_text_that_is_translated_or_none_is_let_pass(line: str) -> None:
    assert untranslated({"shop/doors.py": line}) == []


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>Doors</p>", 1),
        ("{% if doors %}<b>Open</b>{% else %}{% translate 'Shut' %}{% endif %}", 1),
        ('<input placeholder="Which door">', 1),
        ('<nav aria-label="{% translate "Doors" %}">{{ doors }}</nav>', 0),
        ("{% blocktranslate with n=doors %}Doors: {{ n }}{% endblocktranslate %}", 0),
        ('<p class="dv-door">{# a note #}—</p>{% comment %}Doors{% endcomment %}', 0),
    ],
)
def test_a_text_of_a_template_outside_of_its_translation_is_found(template: str, found: int) -> None:
    assert len(untranslated_templates({"shop/door.html": template})) == found
