"""Axe-core on a page that is open in a browser: what not everybody can see, hear read aloud or reach by keyboard."""

from typing import Any

GRAVE = frozenset({"serious", "critical"})
THEMES = ("light", "dark")


def grave_findings(page: Any) -> list[str]:
    """Return what axe-core finds serious or critical on a page, in light and in dark, a line for each element."""
    return [f"{theme}: {finding}" for theme in THEMES for finding in _in(page, theme)]


def _in(page: Any, theme: str) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=theme)
    response = Axe().run(page, options={"preload": False}).response
    assert response["passes"], "axe-core has looked at something"
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in response["violations"]
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
