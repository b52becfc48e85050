"""Box "names": segment embeddings into words.

`zerocap` writes captions with a language model that CLIP steers; `vocabulary` and `attributes`
look words up. All are `Captioner`s of `lexiseg.registry.CAPTIONERS`.
"""

from lexiseg.methods.zero_guidance.names.attributes import AttributedNames
from lexiseg.methods.zero_guidance.names.vocabulary import VocabularyNames
from lexiseg.methods.zero_guidance.names.zerocap import ZeroCap

__all__ = ["AttributedNames", "VocabularyNames", "ZeroCap"]
