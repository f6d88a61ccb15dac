"""The only importer of the docker SDK: calls in worker threads, with deadlines."""
