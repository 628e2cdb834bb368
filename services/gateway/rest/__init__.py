"""The REST surface: routes as values, the OpenAPI document made from them, problems, streams, the HTTP server."""
