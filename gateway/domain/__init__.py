"""The pure part of the gateway: path grammar, matching, binding, JSON and status rules."""
