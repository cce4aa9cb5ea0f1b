"""What every connector must do, as tests that a connector of another package can inherit. The only place with pytest."""
