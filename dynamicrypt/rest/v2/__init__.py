"""REST v2, the native interface."""
