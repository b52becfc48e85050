"""GPT-2, whose keys and values a caller may change."""

from lexiseg.models.gpt2.language_model import Gpt2
from lexiseg.models.gpt2.network import Gpt2Network
from lexiseg.models.gpt2.tokenizer import Gpt2Tokenizer

__all__ = ["Gpt2", "Gpt2Network", "Gpt2Tokenizer"]
