"""The way that every request of the API goes: admitted, carried out once, counted, answered."""
