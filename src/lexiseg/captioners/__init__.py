"""Box "names": segment embeddings into words.

`zerocap` writes captions with a language model that CLIP steers; `vocabulary` and `attributes`
look words up. All are `Captioner`s of `lexiseg.registry.CAPTIONERS`.
"""

from lexiseg.captioners.attributes import AttributedNames
from lexiseg.captioners.vocabulary import VocabularyNames
from lexiseg.captioners.zerocap import ZeroCap

__all__ = ["AttributedNames", "VocabularyNames", "ZeroCap"]
