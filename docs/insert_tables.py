"""Copy generated tables into README and docs: python docs/insert_tables.py (``make report``, ``make bench``).

A block of a document between ``<!-- table: FILE | SECTION -->`` and ``<!-- end of table -->`` holds the section of that
name of a Markdown file, in the order of the file and as ``report`` wrote it.
"""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- table: (\S+) \| ([^>]+?) -->\n).*?(<!-- end of table -->)", flags=re.DOTALL)


def with_tables(text: str) -> str:
    """The text with every block filled."""
    return BLOCK.sub(lambda found: found[1] + section(REPOSITORY / found[2], found[3]) + found[4], text)


def section(file: Path, title: str) -> str:
    """The table under ``## title`` of a Markdown file.

    Raises:
        KeyError: there is no such section.
    """
    parts = re.split(r"^## (.+)\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return "".join(line + "\n" for line in sections[title].splitlines() if line.startswith("|"))


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(with_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
