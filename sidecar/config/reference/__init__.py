"""The reference of the file: what each key means, its values and its default."""
