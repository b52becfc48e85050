"""Training of OpenWorldSAM's adapter on anybody's pictures; both encoders and SAM 2 stay frozen."""
