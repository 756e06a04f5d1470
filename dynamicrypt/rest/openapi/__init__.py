"""The OpenAPI description of REST v2."""
