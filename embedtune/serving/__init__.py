"""Use a finished run in an application, with the vectors and the ranking that ``eval`` measured."""
