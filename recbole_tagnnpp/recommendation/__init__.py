"""Recommendations of a trained model for sessions that it has never seen."""

from recbole_tagnnpp.recommendation.recommender import Recommendation, Recommender

__all__ = ["Recommendation", "Recommender"]
