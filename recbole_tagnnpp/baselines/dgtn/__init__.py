"""DGTN: transitions of the session and of similar earlier sessions, in two channels."""
