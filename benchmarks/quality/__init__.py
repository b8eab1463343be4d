"""How good the stylized images are."""
