"""HTTP/JSON in, gRPC out: serves any annotated descriptor set and knows no business rule."""
