"""TAGNN++ for RecBole: target attentive session graphs with a Transformer, trained with AGC."""

__version__ = "0.1.0"
