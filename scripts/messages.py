"""
``make messages``: collects the texts to translate (with GNU gettext) and compiles the translations (without).

``--check`` writes nothing and says which compiled translation is not what its source says.
"""

import io
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"


def compiled(source: Path) -> bytes:
    """
    The compiled form of one translation; the same source gives the same bytes.

    :raises ValueError: a translation does not fit its text, such as a lost ``%(name)s``
    """
    with source.open("rb") as file:
        catalog = read_po(file)
    for message, errors in catalog.check():
        raise ValueError(f"{source.relative_to(ROOT)}:{message.lineno}: {message.id!r}: {errors[0]}")
    result = io.BytesIO()
    write_mo(result, catalog)
    return result.getvalue()


def stale() -> list[str]:
    """What is wrong with the compiled translations, one sentence each."""
    findings = []
    for source in sorted(LOCALE.rglob("*.po")):
        target = source.with_suffix(".mo")
        try:
            expected = compiled(source)
        except ValueError as error:
            findings.append(str(error))
            continue
        if not target.exists() or target.read_bytes() != expected:
            findings.append(f"{target.relative_to(ROOT)} is not compiled from its source: run `make messages`")
    return findings


def main() -> int:
    if "--check" in sys.argv[1:]:
        findings = stale()
        print("\n".join(findings))
        return 1 if findings else 0
    if shutil.which("xgettext"):
        collect = [sys.executable, "manage.py", "makemessages", "--locale=ru", "--no-obsolete", "--no-wrap"]
        subprocess.run([*collect, "--ignore=.venv", "--ignore=var", "--ignore=*/tests/*"], cwd=ROOT, check=True)
    else:
        print("GNU gettext is not installed: no new texts are collected, only compiled.")
    for source in sorted(LOCALE.rglob("*.po")):
        source.with_suffix(".mo").write_bytes(compiled(source))
        print(f"compiled {source.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
