"""Export strategies, under the import paths of the API reference."""
