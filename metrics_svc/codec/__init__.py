"""Between protobuf and values, both ways: one module per kind of message."""
