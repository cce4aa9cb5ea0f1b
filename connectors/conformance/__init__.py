"""What every connector must do, as tests that a connector of another package can inherit. Only here is pytest used."""
