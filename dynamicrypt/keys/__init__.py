"""Keys and what is done with them: schedules, stores, envelopes, and the memory that holds them."""
