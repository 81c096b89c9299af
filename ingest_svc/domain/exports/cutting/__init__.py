"""From a clip that is wanted to what ffmpeg is told."""
