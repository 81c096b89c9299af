"""The commands of `heimdex`, one module each."""
