"""Labelling photos by area: the photos of one's own data set, their areas, a start from a model, what to ask next."""
