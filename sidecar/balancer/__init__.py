"""Load balancers are told which servers get requests; it imports only ``core``."""
