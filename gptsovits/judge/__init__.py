"""Independent judges of a voice: similarity, intelligibility, predicted opinion, and their intervals."""
