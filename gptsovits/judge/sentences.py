"""The fixed English sentences of the judges; no corpus and no fine-tune ever sees them."""

from __future__ import annotations

TEST_SENTENCES: tuple[str, ...] = (
    "The morning train was late because of heavy snow.",
    "My brother left his keys on the kitchen table.",
    "We walked along the river until the sun went down.",
    "She bought a new pair of shoes for the party.",
    "The doctor told him to drink more water every day.",
    "There is a small shop at the end of the street.",
    "I would like a cup of coffee and a piece of cake.",
    "The children were playing in the garden after school.",
    "He has worked for the same company for ten years.",
    "Please close the window before you leave the room.",
    "The old man told us a story about the war.",
    "They are building a new bridge across the river.",
    "It was so cold that the lake was frozen.",
    "You can find the answer on the next page.",
    "The president will give a speech on Friday night.",
    "Nobody knew where the money had come from.",
    "The dog was sleeping under the big oak tree.",
    "We need to find a better way to do this.",
    "Her father was a teacher in a small town.",
    "The price of oil has gone up again this year.",
)
"""Twenty sentences that every report uses."""

DEVELOPMENT_SENTENCES: tuple[str, ...] = (
    "I will call you when I get home from work.",
    "The summer was long and very dry.",
    "He could not remember the name of the hotel.",
    "Most people in the city go to work by bus.",
    "The book was on the shelf behind the door.",
    "We had fish and fresh bread for lunch.",
    "She did not want to talk about the problem.",
    "The boat came into the harbor at four.",
    "My sister plays the piano very well.",
    "It takes about an hour to get to the airport.",
    "The judge asked the young man to stand up.",
    "They found the lost child near the church.",
    "A cold wind was blowing from the north.",
    "The team won the game in the last minute.",
    "You should always wash your hands before dinner.",
    "The farmer sold his land to the government.",
    "I have never seen such a beautiful place.",
    "The lights went out and everyone was quiet.",
    "He opened the letter and began to read.",
    "The new law will help people find jobs.",
)
"""Twenty more, for choosing among recipes and checkpoints without looking at the test sentences."""
