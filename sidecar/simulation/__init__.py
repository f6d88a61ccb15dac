"""A stack in virtual time: engine, services, acts; and what Sidecar did about them."""
