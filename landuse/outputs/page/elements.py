"""The page as folium elements, with everything inside: Leaflet comes from this package, and nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import folium
from folium.elements import MacroElement
from folium.template import Template

from landuse.outputs.page.assets import leaflet_script, leaflet_style, page_script, page_style
from landuse.version import __version__


class OfflineFigure(folium.Figure):  # type: ignore[misc] # folium has no types that mypy may trust
    """The HTML document.

    Its content security policy lets a browser run three scripts only, those whose digests it lists, and fetch nothing. So even
    a name that slipped through the escaping could neither run nor call home.
    """

    _template = Template(
        "<!DOCTYPE html>\n"
        '<html lang="en">\n'
        "<head>\n"
        '<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="{{ this.policy() }}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="landuse {{ this.version }}">\n'
        "<title>{{ this.title|e }}</title>\n"
        "<style>{{ this.style }}</style>\n"
        "</head>\n"
        "<body>\n"
        "{{ this.html.render() }}\n"
        '<script type="application/json" id="landuse-data">{{ this.data }}</script>\n'
        "{% for script in this.scripts() %}<script>{{ script }}</script>\n{% endfor %}"
        "</body>\n"
        "</html>\n"
    )

    def __init__(self, title: str, data: str) -> None:
        super().__init__(title=title)
        self.data = data
        self.version = __version__
        self.style = f"{leaflet_style()}\n{page_style()}"

    def scripts(self) -> tuple[str, ...]:
        """Leaflet, this project's script, and what folium makes of the elements."""
        return leaflet_script(), page_script(), self.script.render()

    def policy(self) -> str:
        """The content security policy of the page."""
        digests = (hashlib.sha256(script.encode()).digest() for script in self.scripts())
        allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
        return (
            f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
            "form-action 'none'"
        )


class OfflineMap(folium.Map):  # type: ignore[misc]
    """folium's map without its links to other servers, its fixed zoom for phones and its nameless map element."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012 (as folium declares it)
    default_css: list[tuple[str, str]] = []  # noqa: RUF012
    _template = Template(
        """
        {% macro html(this, kwargs) %}
            <div class="folium-map" id={{ this.get_name()|tojson }} tabindex="0" role="region"
                aria-label="Map. Arrow keys move it, plus and minus zoom, Enter reads what lies at its centre."></div>
        {% endmacro %}

        {% macro script(this, kwargs) %}
            var {{ this.get_name() }} = L.map({{ this.get_name()|tojson }},
                {center: {{ this.location|tojson }}, crs: L.CRS.{{ this.crs }}, ...{{ this.options|tojavascript }}});
            L.control.scale({imperial: true, maxWidth: 160}).addTo({{ this.get_name() }});
        {% endmacro %}
        """
    )


class Panel(MacroElement):  # type: ignore[misc]
    """HTML that is already escaped, before the map."""

    _template = Template("{% macro html(this, kwargs) %}{{ this.content }}{% endmacro %}")

    def __init__(self, content: str) -> None:
        super().__init__()
        self._name = "Panel"
        self.content = content


class StartPage(MacroElement):  # type: ignore[misc]
    """Hands the map and its layer groups to the page's script."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
            startPage({{ this._parent.get_name() }}, {
                {% for kind, groups in this.groups.items() %}{{ kind }}: {{ groups }},
                {% endfor %}
            });
        {% endmacro %}
        """
    )

    def __init__(self, groups: dict[str, str]) -> None:
        super().__init__()
        self._name = "StartPage"
        self.groups = groups


def named(element: Any, name: str) -> Any:  # noqa: ANN401
    """The element with a fixed name in the script instead of a random one, so that equal input gives an equal page."""
    element._id = name
    return element
