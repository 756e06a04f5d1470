"""The JSON shapes of REST v2, which its routes and its description share."""
