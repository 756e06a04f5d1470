"""Who may ask: the tokens that open the API, what they are good for, and how often."""
