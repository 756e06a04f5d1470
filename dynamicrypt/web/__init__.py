"""HTTP within bounds: connections, bodies, sites and answers, whatever is served with them."""
