"""Layers that somebody else wrote: loaded, recognised, and given the face of BatchNorm1d."""
