"""The small OpenWorldSAM adapter, trained through the same door as anybody's."""
