"""The handbook: docs/ as a static site, made by Sphinx, MyST and the Furo theme (decision 75)."""
import re

project = "Postern"
author = "the Postern authors"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = []
myst_heading_anchors = 6
html_theme = "furo"
html_title = "Postern handbook"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False


def index_replies(app, page, source):
    """Lets a search find the headings that begin with a reply: by its codes, by its first code alone, and by its text alone.

    The search of the site drops numbers, and takes a heading only if the query is half of it.
    """
    source[0] = re.sub(r"^(#+ ((\d{3}) \d\.\d+\.\d+) (.+)\n)", lambda match: (
        match[1] + "".join("\n```{index} single: %s\n```\n" % words.lower() for words in match.groups()[1:])), source[0], flags=re.M)


def contents(app, page, source):
    """Gives the index and the decisions their tables of contents.

    Both are plain Markdown, readable in a repository browser: each section of the index becomes a
    part of the side bar, with the pages that it links to. A page that no section links to is a
    warning of Sphinx, which is an error here.
    """
    if page == "decisions/index":
        source[0] += "\n```{toctree}\n:glob:\n:maxdepth: 1\n\n0*\n```\n"
    if page != "index":
        return
    parts, seen = [], set()
    for part in re.split(r"^## ", source[0], flags=re.M)[1:]:
        pages = [p for p in re.findall(r"\]\(([a-z0-9/-]+)\.md\)", part) if p not in seen]
        pages = list(dict.fromkeys(pages))
        seen.update(pages)
        title = part.split("\n", 1)[0]
        parts.append("\n```{toctree}\n:hidden:\n:caption: %s\n\n%s\n```\n"
                     % (title, "\n".join(pages)))
    source[0] += "".join(parts)


def setup(app):
    app.connect("source-read", contents)
    app.connect("source-read", index_replies)
