"""Print the code that loads a run in a framework or server, and check it against the evaluation."""
