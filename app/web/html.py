"""How pages are made and sent: templates that escape whatever they are given, and headers that keep others out."""

from datetime import datetime
from typing import Any, Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from app.core.wording.figures import counted, dollars, duration

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # Nobody else learns the address of a page. Not `no-referrer`, which takes the origin from forms of our own, too.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Paper:
    """What pages are written on."""

    def __init__(self, **everywhere: Any) -> None:
        """`everywhere` is what every template may use."""
        self._templates = Environment(
            loader=PackageLoader("app.web"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(everywhere)
        self._templates.filters.update(
            duration=duration, dollars=dollars, counted=counted, moment=moment, brief=brief, number=number
        )

    def page(self, template: str, status: int = 200, **facts: Any) -> HTMLResponse:
        """A whole page, or a part of one."""
        return HTMLResponse(self._templates.get_template(template).render(**facts), status, headers=HEADERS)

    def part(self, template: str, name: str, **facts: Any) -> Markup:
        """What the macro `name` of a template makes of some facts."""
        macro = getattr(self._templates.get_template(template).module, name)
        return Markup(macro(**facts))  # noqa: S704 - it is what the template made, escaped


def moment(at: datetime) -> str:
    """As "2026-01-02 03:04 UTC"."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def brief(text: str, most: int = 110) -> str:
    """One line of a text."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def number(value: int) -> str:
    """As "1,234"."""
    return f"{value:,}"
