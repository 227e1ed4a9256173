"""The command line: one function a verb, each a thin layer over `workings.verbs`."""
