"""The small BEiT-3: pictures with texts first, then the regions that texts mean."""
