"""The Flask application: one blueprint a resource, made from the route values."""

from __future__ import annotations

import re

from flask import Blueprint, Flask
from werkzeug.wrappers import Response

from services.gateway.hub import Hub
from services.gateway.rest import observe, openapi, problems, system
from services.gateway.rest.dispatch import view_of
from services.gateway.rest.route import JSON_LIMIT, Resource
from services.gateway.rest.speech import VisitorGone
from services.gateway.routes import RESOURCES, all_routes

CLIENT_CLOSED = 499
"""What the log says of a visitor who did not wait; nobody reads it."""
_PARAMETER = re.compile(r"{(\w+)}")


def create_app(hub: Hub) -> Flask:
    """The application over the parts of `hub`."""
    app = Flask("services.gateway", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=JSON_LIMIT, MAX_FORM_MEMORY_SIZE=0, PROPAGATE_EXCEPTIONS=False)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    problems.install(app)
    app.register_error_handler(VisitorGone, lambda _: Response(status=CLIENT_CLOSED))
    observe.install(app)
    for number, resource in enumerate(RESOURCES):
        app.register_blueprint(_blueprint(f"{resource.tag}{number}", resource, hub))
    app.register_blueprint(system.blueprint(hub, openapi.document(all_routes())))
    return app


def _blueprint(name: str, resource: Resource, hub: Hub) -> Blueprint:
    made = Blueprint(name, __name__)
    for route in resource.routes:
        rule = _PARAMETER.sub(r"<\1>", route.path)
        made.add_url_rule(rule, route.operation, view_of(route, hub), methods=[route.method])
    return made
