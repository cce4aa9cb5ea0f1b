"""Other tools for the same work, each with the best settings that its documentation offers."""
