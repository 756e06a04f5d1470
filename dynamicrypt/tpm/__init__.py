"""Tree parity machines: their readable definition, the compiled core, queries and inputs."""
