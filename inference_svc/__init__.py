"""Audio becomes words, frames and text become vectors: the service that owns the models, and nothing else."""
