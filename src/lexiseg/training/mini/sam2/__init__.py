"""The small SAM 2: a pupil of the small SAM at first, then taught by clicks and boxes."""
