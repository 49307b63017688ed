"""The data plane of models. It knows no SQL, and no request waits here for the database of the house."""
