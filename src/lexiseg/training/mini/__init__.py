"""How the bundled small CLIP pair is made: captions of Miniworld in, two CLIP folders out."""
