"""The kinds of task: a module for each, with the name of the kind."""
