"""Sentence-BERT: how alike two texts are in meaning."""

from lexiseg.models.sentence_bert.encoder import SentenceBert

__all__ = ["SentenceBert"]
