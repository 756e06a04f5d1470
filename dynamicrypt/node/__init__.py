"""The facade over services, channels, links and events that every interface calls."""
