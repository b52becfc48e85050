"""Programs that measure: parity with reference packs, speed, memory."""
