"""Truth, answers and candidates from files and from running networks, as pictures of a study."""
