"""Programs that the Dockerfile runs to build the image: standard library only."""
